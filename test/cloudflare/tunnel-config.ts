/** The tunnel's configuration, one JSON document, with the checks of the API and of `cloudflared` (`ingress.go`). */
import { type FieldType, type JsonObject, readObject, readTypedObject } from './json.ts';
import { badConfiguration, invalidBody } from './refusals.ts';

export interface IngressRule {
  /** The dashboard assigns one to each of its rules. */
  id?: string;
  hostname?: string;
  path?: string;
  service: string;
  originRequest?: JsonObject;
}

/** The document exactly as it was written: same order of fields, nothing added. */
export interface TunnelConfig {
  ingress: IngressRule[];
  originRequest?: JsonObject;
  'warp-routing'?: JsonObject;
}

const CONFIG_FIELDS = new Set(['ingress', 'originRequest', 'warp-routing']);

const RULE_FIELDS: Readonly<Record<string, FieldType>> = {
  id: 'string',
  hostname: 'string',
  path: 'string',
  service: 'string',
  originRequest: 'object',
};

/** As `OriginRequestConfig` in cloudflared's `config/configuration.go`; times are in seconds. */
const ORIGIN_REQUEST_FIELDS: Readonly<Record<string, FieldType>> = {
  connectTimeout: 'number',
  tlsTimeout: 'number',
  tcpKeepAlive: 'number',
  noHappyEyeballs: 'boolean',
  keepAliveConnections: 'number',
  keepAliveTimeout: 'number',
  httpHostHeader: 'string',
  originServerName: 'string',
  matchSNItoHost: 'boolean',
  caPool: 'string',
  noTLSVerify: 'boolean',
  disableChunkedEncoding: 'boolean',
  bastionMode: 'boolean',
  proxyAddress: 'string',
  proxyPort: 'number',
  proxyType: 'string',
  ipRules: 'array',
  http2Origin: 'boolean',
  access: 'object',
};

const WARP_ROUTING_FIELDS: Readonly<Record<string, FieldType>> = {
  enabled: 'boolean',
  connectTimeout: 'number',
  tcpKeepAlive: 'number',
  maxActiveFlows: 'number',
};

const NAMED_SERVICES = new Set(['hello_world', 'hello-world', 'helloworld', 'bastion', 'socks-proxy']);

function checkService(service: string): void {
  if (NAMED_SERVICES.has(service) || /^(unix|unix\+tls):./.test(service)) return;
  if (service.startsWith('http_status:')) {
    if (/^http_status:[1-9]\d\d$/.test(service)) return;
    throw badConfiguration(`invalid HTTP status code: ${service.slice('http_status:'.length)}`);
  }
  const parts = /^([a-z][a-z0-9+.-]*):\/\/([^/?#]+)(.*)$/i.exec(service);
  if (parts === null) {
    throw badConfiguration(
      `${service} is an invalid address, please make sure it has a scheme and a hostname`,
    );
  }
  if (parts[3] !== '') {
    throw badConfiguration(
      `${service} is an invalid address, ingress rules don't support proxying to a different path on the origin service. The path will be the same as the eyeball request's path`,
    );
  }
}

function checkHostname(hostname: string): void {
  if (/:\d*$/.test(hostname)) throw badConfiguration('Hostname cannot contain a port');
  const star = hostname.lastIndexOf('*');
  if (star > 0 || (star === 0 && hostname !== '*' && !hostname.startsWith('*.'))) {
    throw badConfiguration(
      'Hostname patterns can have at most one wildcard character ("*") and it can only be used for subdomains, e.g. "*.example.com"',
    );
  }
}

function isCatchAll(rule: Record<string, unknown>): boolean {
  const { hostname = '', path = '' } = rule;
  return (hostname === '' || hostname === '*') && path === '';
}

function checkRule(value: unknown, index: number, isLast: boolean): void {
  const where = `config.ingress[${index}]`;
  const rule = readTypedObject(value, RULE_FIELDS, where);
  if (rule.originRequest !== undefined) {
    readTypedObject(rule.originRequest, ORIGIN_REQUEST_FIELDS, `${where}.originRequest`);
  }
  const { service, hostname = '', path = '' } = rule;
  if (typeof service !== 'string') throw invalidBody(`${where}.service is missing`);
  checkService(service);
  if (typeof hostname === 'string') checkHostname(hostname);
  try {
    new RegExp(String(path));
  } catch {
    throw badConfiguration(`Rule #${index + 1} has an invalid regex`);
  }
  if (isLast && !isCatchAll(rule)) {
    throw badConfiguration(
      'The last ingress rule must match all URLs (i.e. it should not have a hostname or path filter)',
    );
  }
  if (!isLast && isCatchAll(rule)) {
    throw badConfiguration(
      `Rule #${index + 1} is matching the hostname '${hostname}', but this will match every hostname, meaning the rules which follow it will never be triggered.`,
    );
  }
}

/** Throws a Refusal unless the API would accept this document. */
export function assertConfig(value: unknown): asserts value is TunnelConfig {
  const config = readObject(value, CONFIG_FIELDS, 'config');
  const { ingress } = config;
  if (!Array.isArray(ingress) || ingress.length === 0) {
    throw badConfiguration("The config doesn't contain any ingress rules");
  }
  for (const [index, rule] of ingress.entries()) checkRule(rule, index, index === ingress.length - 1);
  if (config.originRequest !== undefined) {
    readTypedObject(config.originRequest, ORIGIN_REQUEST_FIELDS, 'config.originRequest');
  }
  if (config['warp-routing'] !== undefined) {
    readTypedObject(config['warp-routing'], WARP_ROUTING_FIELDS, 'config.warp-routing');
  }
}

/** The configuration that the dashboard starts with. */
export const initialConfig = (): TunnelConfig => ({ ingress: [{ service: 'http_status:404' }] });
