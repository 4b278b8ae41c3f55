/** The options and the help of `npm run mock-cloudflare`. */
import { Command, InvalidArgumentError, Option } from 'commander';
import { FAULT_NAMES } from './fault-names.ts';
import type { PlanName } from './plans.ts';

export interface MockCommandOptions {
  port: number;
  connectorPort: number;
  metricsPort: number;
  zone: string;
  plan: PlanName;
  /** In ms. */
  latency: number;
  /** In ms. */
  jitter: number;
  /** In ms. */
  connectorDelay: number;
  /** Requests in five minutes. */
  rate: number;
  fault: string[];
  /** Share of the calls that fail, from 0 to 1. */
  faultRate: number;
  seed: number;
}

function numberFrom(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() !== '' && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`Expected a number from ${min} to ${max}.`);
  };
}

function integerFrom(min: number, max: number): (text: string) => number {
  const parseNumber = numberFrom(min, max);
  return (text) => {
    const value = parseNumber(text);
    if (Number.isInteger(value)) return value;
    throw new InvalidArgumentError('Expected a whole number.');
  };
}

function domain(text: string): string {
  if (/^([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z0-9-]+$/i.test(text)) return text.toLowerCase();
  throw new InvalidArgumentError('Expected a domain such as class.localhost.');
}

const port = integerFrom(0, 65_535);
const milliseconds = numberFrom(0, 600_000);

const DESCRIPTION = `A mock of Cloudflare for trying out devenv: the API that devenv uses, and a connector (cloudflared) that \
forwards visitors by its DNS records and ingress rules. Nothing leaves this machine, and nothing is kept when the mock stops.

Prints the settings for devenv as \`export\` lines on standard output, and one line per call on standard error.`;

const EXAMPLES = `
Examples:
  # In one terminal:
  npm run mock-cloudflare -- --latency 250 --jitter 100
  # In another one, with the lines that the mock printed:
  export DEVENV_EDGE=cloudflare …
  ./devenv create alice
  # When a server runs behind alice's link, visit it:
  curl -H 'Host: alice.class.localhost' http://127.0.0.1:5081/

  # What happens to a class when every fifth response is lost?
  npm run mock-cloudflare -- --fault reset-after --fault timeout-applied --fault-rate 0.2

Faults named "…-applied" take effect before they fail, and so do reset-after, bad-json and broken-body. "…-bare" comes
from a proxy, without Cloudflare's envelope. stalled-body sends the headers and half of the body. "any" picks one of all
faults at random.`;

/** Parses the options of this process. Prints help or an error and exits where that is asked for or needed. */
export function parseCommandLine(): MockCommandOptions {
  return new Command('npm run mock-cloudflare --')
    .description(DESCRIPTION)
    .option('--port <port>', 'port of the API on 127.0.0.1; 0 picks a free one', port, 5080)
    .option('--connector-port <port>', 'port for visitors', port, 5081)
    .option('--metrics-port <port>', "port of the connector's metrics", port, 5082)
    .option(
      '--zone <name>',
      'domain of the zone; browsers resolve names below .localhost to this machine',
      domain,
      'class.localhost',
    )
    .addOption(
      new Option('--plan <plan>', 'limits: 200 records and 100-character comments, or 3,500 and 500')
        .choices(['free', 'paid'])
        .default('free'),
    )
    .option('--latency <ms>', 'latency of each call', milliseconds, 0)
    .option('--jitter <ms>', 'random variation of the latency, in both directions', milliseconds, 0)
    .option(
      '--connector-delay <ms>',
      'time until the connector receives a new configuration',
      milliseconds,
      0,
    )
    .option(
      '--rate <requests>',
      'requests allowed in 5 minutes; exceeding it blocks everything for 5 minutes',
      integerFrom(1, 1e6),
      1200,
    )
    .addOption(
      new Option('--fault <fault...>', 'fault to inject at random; can be repeated')
        .choices(FAULT_NAMES)
        .default([], 'none'),
    )
    .option('--fault-rate <share>', 'share of the calls that fail, from 0 to 1', numberFrom(0, 1), 0.1)
    .option('--seed <number>', 'the same seed gives the same ids and token', integerFrom(0, 2 ** 32 - 1), 1)
    .addHelpText('after', EXAMPLES)
    .parse()
    .opts<MockCommandOptions>();
}
