/** What must be so when everything has come to rest: wanted is live, nothing else of ours is there. */

import type { IngressRule, MockCloudflare } from '../../cloudflare/index.ts';
import { findRule } from '../../cloudflare/visitor-route.ts';
import type { Class, Student } from './class.ts';
import type { Property } from './property.ts';

export interface Parts {
  mock: MockCloudflare;
  class: Class;
  property: Property;
  dns: 'student' | 'session';
}

/** Somebody else has made that rule of ours: we put it right, unless they may have been first, or took the mark too. */
const isMadeOfOurs = ({ tampered, disputed, robbed }: Property, { hostname = '', service }: IngressRule) =>
  tampered.has(service) && !disputed.has(service) && !robbed.has(hostname);

/** Whether something of somebody else is in the student's way. */
function isInTheWay(parts: Parts, hostname: string): boolean {
  const { property, mock } = parts;
  const records = mock.account.dns
    .withName(hostname)
    .filter((record) => !property.markedRecords().includes(record));
  const rules = property
    .rules()
    .filter((rule) => rule.hostname === hostname)
    .filter((rule) => !property.isOurs(rule) && !isMadeOfOurs(property, rule));
  return records.length > 0 || rules.length > 0;
}

function* faultsOf(parts: Parts, { name, hostname, port, wanted }: Student): Generator<string> {
  const { mock, property, dns } = parts;
  const { phase, problem } = parts.class.rig?.view(name) ?? { phase: 'closed', problem: null };
  const origin = `http://127.0.0.1:${port}`;
  const record = property.markedRecord(hostname);
  const rules = property.rules().filter((rule) => rule.hostname === hostname && property.isOurs(rule));
  const isNeeded = wanted || dns === 'student';
  if (isNeeded && isInTheWay(parts, hostname)) {
    if (problem?.code !== 'conflict')
      yield `${name} clashes and is not told, but ${phase}: ${JSON.stringify(problem)}`;
    if (record !== undefined) yield `${name} clashes and has a record all the same`;
    if (rules.length > 0) yield `${name} clashes and has a rule all the same`;
    return;
  }
  if (phase !== (wanted ? 'open' : 'closed')) yield `${name} is ${phase}, and wanted: ${wanted}`;
  if (problem !== null) yield `${name} has a problem: ${problem.what}`;
  if (rules.length !== (wanted ? 1 : 0)) yield `${name} has ${rules.length} rules, and wanted: ${wanted}`;
  if (wanted && mock.account.tunnel.config !== null) {
    const visited = findRule(mock.account.tunnel.config, hostname, '/');
    if (JSON.stringify(visited) !== JSON.stringify({ hostname, service: origin }))
      yield `a visitor of ${name} meets ${JSON.stringify(visited)}`;
  }
  if (isNeeded !== (record !== undefined)) yield `${name}'s record is ${record ? 'there' : 'missing'}`;
  if (record === undefined) return;
  const { content, proxied, type, comment } = record;
  const found = [type, content, proxied, comment].join(' ');
  if (found !== ['CNAME', mock.account.tunnelHostname, true, `devenv lab/${name}`].join(' '))
    yield `${name}'s record is ${found}`;
}

/** All that is not as it should be. */
export function faultsAtRest(parts: Parts): string[] {
  const { property } = parts;
  const students = [...parts.class.students.values()];
  const hostnames = new Set(students.map(({ hostname }) => hostname));
  const strangers = [
    ...property
      .markedRecords()
      .filter(({ name }) => !hostnames.has(name))
      .map(({ name }) => `the record of ${name}`),
    ...property
      .rules()
      .filter((rule) => property.isOurs(rule) && !hostnames.has(rule.hostname ?? ''))
      .map(({ hostname }) => `the rule for ${hostname}`),
    ...property
      .rules()
      .filter((rule) => isMadeOfOurs(property, rule))
      .map(({ hostname }) => `the changed rule for ${hostname}`),
  ];
  return [
    ...students.flatMap((student) => [...faultsOf(parts, student)]),
    ...strangers.map((what) => `left behind: ${what}`),
  ];
}

/** Each loss of somebody else's write must have been told. */
export function untoldLosses({
  property,
  class: { logs },
}: Pick<Parts, 'property'> & { class: { logs(): { msg: string; read?: number }[] } }): string[] {
  const told = new Set(
    logs()
      .filter(({ msg }) => msg.startsWith('another writer wrote'))
      .map(({ read }) => read),
  );
  return property.lost
    .filter((version) => !told.has(version))
    .map((version) => `what another writer wrote after version ${version} was lost, and nobody told`);
}
