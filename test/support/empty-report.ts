/** What an agent says. */

import { PROTOCOL_VERSION } from '../../orchestrator/protocol/constants.ts';
import type { Report } from '../../orchestrator/protocol/messages.ts';

/** Nobody is in, nothing listens, and nothing was ever shown. */
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
