/** What a student's agent says, as facts for the table of when a route is wanted. */
import type { Report } from '../../orchestrator/protocol/messages.ts';
import type { Facts } from '../../orchestrator/routes/desired-state.ts';

export const rules = { grace: 30, starting: 60, lease: 30, links: 3 };
export const service = { port: 5173, address: '::1', scheme: 'http', because: 'answers' } as const;
export const session = (id: string): Report['sessions'][number] => ({
  id: `${id}:1`,
  terminal: '/dev/pts/0',
  ageSeconds: 1,
  port: 'ok',
});

type Parts = Partial<NonNullable<Facts['report']>>;
export const heard = (parts: Parts = {}): Facts => ({
  running: true,
  silentMs: 0,
  report: { sessions: [session('1')], listeners: [], service: null, starting: [], lastEnd: null, ...parts },
});
export const typed = (id: string, ageSeconds = 0): Parts => ({
  starting: [{ id, command: 'npm run dev', ageSeconds }],
});
export const nobody = (how: 'left' | 'lost' | null): Facts =>
  heard({ sessions: [], lastEnd: how && { how, ageSeconds: 0 } });

export const on = (...ports: number[]): Report['listeners'] =>
  ports.map((port) => ({
    port,
    addresses: ['127.0.0.1'],
    process: null,
    command: '',
    speaks: port === 9229 ? 'other' : 'http',
    public: port !== 7000,
  }));
