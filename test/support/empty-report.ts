/** A report of an agent without anything in it, as a base for tests' own reports. */
import { PROTOCOL_VERSION } from '../../orchestrator/protocol/constants.ts';
import type { Report } from '../../orchestrator/protocol/messages.ts';

/** There is no session, nothing listens, and no notice was ever shown. */
export const emptyReport: Report = {
  kind: 'report',
  protocol: PROTOCOL_VERSION,
  sessions: [],
  listeners: [],
  starting: [],
  service: null,
  lastSessionEnd: null,
  lastShownNoticeId: 0,
};
