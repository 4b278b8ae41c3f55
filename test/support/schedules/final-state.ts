/** The final state that every schedule must reach: each desired link is live, and nothing else of ours is left. */

import type { IngressRule, MockCloudflare } from '../../cloudflare/index.ts';
import { findRule } from '../../cloudflare/visitor-route.ts';
import type { OwnershipChecker } from './ownership-checker.ts';
import type { SimulatedClass, Student } from './simulated-class.ts';

export interface FinalStateDeps {
  mock: MockCloudflare;
  class: SimulatedClass;
  checker: OwnershipChecker;
  dns: 'student' | 'session';
}

/** Whether another writer has changed a rule of ours: it is repaired, unless theirs may be older or they took our record. */
const isChangedRule = (
  { tampered, disputed, taken }: OwnershipChecker,
  { hostname = '', service }: IngressRule,
) => tampered.has(service) && !disputed.has(service) && !taken.has(hostname);

/** Whether another writer's record or rule conflicts with the student's link. */
function hasConflict(deps: FinalStateDeps, hostname: string): boolean {
  const { checker, mock } = deps;
  const records = mock.account.dns
    .withName(hostname)
    .filter((record) => !checker.taggedRecords().includes(record));
  const rules = checker
    .rules()
    .filter((rule) => rule.hostname === hostname)
    .filter((rule) => !checker.isOurs(rule) && !isChangedRule(checker, rule));
  return records.length > 0 || rules.length > 0;
}

function* errorsOf(deps: FinalStateDeps, { name, hostname, port, isDesired }: Student): Generator<string> {
  const { mock, checker, dns } = deps;
  const { phase, problem } = deps.class.rig?.view(name) ?? { phase: 'closed', problem: null };
  const origin = `http://127.0.0.1:${port}`;
  const record = checker.taggedRecord(hostname);
  const rules = checker.rules().filter((rule) => rule.hostname === hostname && checker.isOurs(rule));
  const isNeeded = isDesired || dns === 'student';
  if (isNeeded && hasConflict(deps, hostname)) {
    if (problem?.code !== 'conflict')
      yield `${name} has a conflict that is not reported: ${phase}: ${JSON.stringify(problem)}`;
    if (record !== undefined) yield `${name} has a conflict, and a record of ours`;
    if (rules.length > 0) yield `${name} has a conflict, and a rule of ours`;
    return;
  }
  if (phase !== (isDesired ? 'open' : 'closed')) yield `${name} is ${phase}, desired: ${isDesired}`;
  if (problem !== null) yield `${name} has a problem: ${problem.what}`;
  if (rules.length !== (isDesired ? 1 : 0)) yield `${name} has ${rules.length} rules, desired: ${isDesired}`;
  if (isDesired && mock.account.tunnel.config !== null) {
    const visited = findRule(mock.account.tunnel.config, hostname, '/');
    if (JSON.stringify(visited) !== JSON.stringify({ hostname, service: origin }))
      yield `a visitor of ${name} reaches ${JSON.stringify(visited)}`;
  }
  if (isNeeded !== (record !== undefined)) yield `${name}'s record is ${record ? 'there' : 'missing'}`;
  if (record === undefined) return;
  const { content, proxied, type, comment } = record;
  const found = [type, content, proxied, comment].join(' ');
  if (found !== ['CNAME', mock.account.tunnelHostname, true, `devenv lab/${name}`].join(' '))
    yield `${name}'s record is ${found}`;
}

/** Everything that is not as it should be. */
export function finalStateErrors(deps: FinalStateDeps): string[] {
  const { checker } = deps;
  const students = [...deps.class.students.values()];
  const hostnames = new Set(students.map(({ hostname }) => hostname));
  const leftovers = [
    ...checker
      .taggedRecords()
      .filter(({ name }) => !hostnames.has(name))
      .map(({ name }) => `the record of ${name}`),
    ...checker
      .rules()
      .filter((rule) => checker.isOurs(rule) && !hostnames.has(rule.hostname ?? ''))
      .map(({ hostname }) => `the rule for ${hostname}`),
    ...checker
      .rules()
      .filter((rule) => isChangedRule(checker, rule))
      .map(({ hostname }) => `the changed rule for ${hostname}`),
  ];
  return [
    ...students.flatMap((student) => [...errorsOf(deps, student)]),
    ...leftovers.map((what) => `left behind: ${what}`),
  ];
}

/** Lost updates of another writer that the log does not report. */
export function unreportedLosses({
  checker,
  class: { logs },
}: Pick<FinalStateDeps, 'checker'> & { class: { logs(): { msg: string; read?: number }[] } }): string[] {
  const reported = new Set(
    logs()
      .filter(({ msg }) => msg.startsWith('another writer wrote'))
      .map(({ read }) => read),
  );
  return checker.lostUpdates
    .filter((version) => !reported.has(version))
    .map((version) => `what another writer wrote after version ${version} was lost and not reported`);
}
