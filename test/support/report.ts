/** What an agent says. */
import { PROTOCOL, type Report } from '../../orchestrator/agents/protocol.ts';

/** Nobody is in, nothing listens, and nothing was ever shown. */
export const emptyReport: Report = {
  kind: 'report',
  protocol: PROTOCOL,
  sessions: [],
  listeners: [],
  starting: [],
  service: null,
  lastEnd: null,
  noticesShown: 0,
};
