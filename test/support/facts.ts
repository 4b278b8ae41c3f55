/** Facts for the tests of when a link is desired. */
import type { Report } from '../../orchestrator/protocol/messages.ts';
import type { Facts } from '../../orchestrator/routes/desired-state.ts';

export const rules = { grace: 30, starting: 60, lease: 30, links: 3 };
export const service = { port: 5173, address: '::1', scheme: 'http', reason: 'only-web-server' } as const;
export const session = (id: string): Report['sessions'][number] => ({
  id: `${id}:1`,
  terminal: '/dev/pts/0',
  ageSeconds: 1,
  portVariable: 'ok',
});

type Parts = Partial<NonNullable<Facts['report']>>;
export const withSession = (parts: Parts = {}): Facts => ({
  running: true,
  silentMs: 0,
  report: {
    sessions: [session('1')],
    listeners: [],
    service: null,
    starting: [],
    lastSessionEnd: null,
    ...parts,
  },
});
export const typed = (id: string, ageSeconds = 0): Parts => ({
  starting: [{ id, command: 'npm run dev', ageSeconds }],
});
export const noSession = (kind: 'exited' | 'lost' | null): Facts =>
  withSession({ sessions: [], lastSessionEnd: kind && { kind, ageSeconds: 0 } });

export const on = (...ports: number[]): Report['listeners'] =>
  ports.map((port) => ({
    port,
    addresses: ['127.0.0.1'],
    process: null,
    command: '',
    speaks: port === 9229 ? 'other' : 'http',
    purpose: 'page',
    isPublic: port !== 7000,
  }));
