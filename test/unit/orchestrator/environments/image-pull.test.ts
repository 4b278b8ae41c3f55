/** Pulling an image: how long the registry may be silent, and what is shown. */
import { PassThrough } from 'node:stream';
import Docker from 'dockerode';
import { pullImage } from '../../../../orchestrator/environments/image-pull.ts';
import { ManualClock } from '../../../support/manual-clock.ts';

const NAME = 'debian:bookworm-slim';

/** A pull whose engine says what the test writes. */
function startPull() {
  const clock = new ManualClock();
  const stream = new PassThrough();
  const cancel = new AbortController();
  const shown: string[] = [];
  let isAnswered = false;
  let resolvePull: (answer: PassThrough) => void = () => undefined;
  const { modem } = new Docker();
  const docker = {
    modem,
    pull: (_name: string, { abortSignal }: { abortSignal: AbortSignal }) =>
      new Promise<PassThrough>((resolve, reject) => {
        resolvePull = resolve;
        abortSignal.addEventListener('abort', () => {
          const error = new Error('The operation was aborted');
          if (isAnswered) stream.destroy(error);
          else reject(error);
        });
      }),
  } as unknown as Docker;
  const progress = { step: (_id: string, text: string) => shown.push(text), done() {}, warn() {} };
  return {
    clock,
    stream,
    cancel,
    shown,
    answer() {
      isAnswered = true;
      resolvePull(stream);
    },
    say: (message: object) => stream.write(`${JSON.stringify(message)}\n`),
    result: pullImage({ docker, clock, name: NAME, progress, signal: cancel.signal }),
  };
}

const downloading = (current: number) => ({
  id: 'layer',
  status: 'Downloading',
  progressDetail: { current: current * 1e6, total: 300e6 },
});

test('a slow pull that makes progress may take an hour, and shows it', async () => {
  const pull = startPull();
  await pull.clock.advance(19_000);
  pull.answer();
  for (let megabytes = 0; megabytes <= 300; megabytes += 5) {
    pull.say(downloading(megabytes));
    await pull.clock.advance(59_000);
  }
  pull.say({ id: 'layer', status: 'Download complete' });
  pull.stream.end();
  expect(await pull.result).toBeNull();
  expect(pull.shown.slice(0, 3)).toEqual([
    `Pulling ${NAME}`,
    `Pulling ${NAME}, 0 of 300 MB`,
    `Pulling ${NAME}, 5 of 300 MB`,
  ]);
  expect(pull.shown.at(-1)).toBe(`Pulling ${NAME}, 300 of 300 MB`);
  expect(pull.clock.pendingTimers).toBe(0);
});

test('a registry that does not answer within 20 s counts as unreachable', async () => {
  const pull = startPull();
  await pull.clock.advance(20_000);
  expect(await pull.result).toBe('no progress for 20 s');
});

test('a pull that stops making progress fails after 60 s', async () => {
  const pull = startPull();
  pull.answer();
  pull.say(downloading(10));
  await pull.clock.advance(60_000);
  expect(await pull.result).toBe('no progress for 60 s');
});

test('the reason is what the engine says', async () => {
  const pull = startPull();
  pull.answer();
  pull.say({ error: 'manifest unknown' });
  pull.stream.end();
  expect(await pull.result).toBe('manifest unknown');
});

test('a cancelled pull is no failure of the registry', async () => {
  const pull = startPull();
  pull.answer();
  pull.say(downloading(10));
  pull.cancel.abort();
  await expect(pull.result).rejects.toMatchObject({ name: 'AbortError' });
});
