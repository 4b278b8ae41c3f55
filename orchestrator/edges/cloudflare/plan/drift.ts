/** A plan in words: what `devenv sync` and the log say of each difference. */
import type { DetectedDrift } from '../../edge.ts';
import type { DnsRecord } from '../api/client.ts';
import type { IngressChange } from './ingress.ts';
import { unprovenRules } from './ownership.ts';
import type { Plan } from './plan.ts';
import type { RecordChange } from './records.ts';

const RULE_ACTIONS: Record<IngressChange['found'], string> = {
  'no rule': 'add it',
  'rule for a closed link': 'remove it',
  'rule changed': 'put it right',
  'rule out of reach': 'move it up',
  'rule of another owner': 'take it over',
  'rule beside that of another owner': 'remove it',
};

export const describeRecords = (records: readonly DnsRecord[]) =>
  records.map(({ type, content }) => `${type} ${content}`).join(', ');

function recordDrift(change: RecordChange): DetectedDrift {
  const { route } = change;
  switch (change.kind) {
    case 'create':
      return { ...route, found: 'no record', action: 'add it' };
    case 'repair': {
      const records = [change.record, ...change.surplus];
      return { ...route, found: `record changed: ${describeRecords(records)}`, action: 'put it right' };
    }
    case 'adopt': {
      const found = `record of another owner: ${describeRecords(change.records)}`;
      return { ...route, found, action: 'take it over' };
    }
    case 'remove':
      return { ...route, found: 'record that no link needs', action: 'remove it' };
  }
}

/** Whether a record explains a rule's hostname. A tunnel may serve other zones too, whose records we don't see. */
function explainedIn({ observed, explainedHostnames, options }: Plan): (hostname: string) => boolean {
  const known = new Set([...observed.records.map(({ name }) => name), ...explainedHostnames]);
  const zone = `.${options.zoneName ?? ''}`;
  return (hostname) =>
    // A wildcard record covers one level.
    known.has(hostname) || known.has(hostname.replace(/^[^.]+/, '*')) || !hostname.endsWith(zone);
}

/** Everything that differs; `removals` are the records that no link needs. */
export function driftOf(plan: Plan, removals: readonly RecordChange[]): DetectedDrift[] {
  const say = (hostname: string, found: string, action: string | null): DetectedDrift => ({
    ...plan.routeOf(hostname),
    found,
    action,
  });
  return [
    ...plan.recordChanges.map(recordDrift),
    ...plan.recordConflicts.map(({ route, records }) =>
      say(route.hostname, `record of another owner: ${describeRecords(records)}`, null),
    ),
    ...plan.ruleConflicts.map(({ hostname, service }) =>
      say(hostname, `rule of another owner, to ${service}`, null),
    ),
    ...plan.finalIngress.changes.map(({ hostname, found }) => say(hostname, found, RULE_ACTIONS[found])),
    ...removals.map(recordDrift),
    ...unprovenRules(plan.observed.config, explainedIn(plan)).map(({ hostname, service }) =>
      say(hostname, `rule without record, to ${service}`, null),
    ),
  ];
}
