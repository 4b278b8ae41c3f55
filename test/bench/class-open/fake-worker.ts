/** The environments' side of a class, in a thread of its own, as containers are processes of their own. */
import { parentPort } from 'node:worker_threads';
import type { EnvironmentSpec } from '../../../orchestrator/environments/types.ts';
import { FakeEnvironment } from './fake-environment.ts';

export type ToWorker =
  | { kind: 'start'; spec: EnvironmentSpec; folder: string; instance: string }
  | { kind: 'be'; students: readonly string[]; isIn: boolean }
  | { kind: 'stop'; student: string };

/** `at`: when the student's terminal said so, in ms since 1970. */
export type FromWorker =
  | { kind: 'started'; student: string }
  | { kind: 'notice'; student: string; notice: string; at: number };

const running = new Map<string, FakeEnvironment>();
const say = (message: FromWorker) => parentPort?.postMessage(message);

async function follow(message: ToWorker): Promise<void> {
  switch (message.kind) {
    case 'start': {
      const { spec, folder, instance } = message;
      const { student } = spec;
      const onNotice = (notice: string) =>
        say({ kind: 'notice', student, notice, at: performance.timeOrigin + performance.now() });
      running.set(student, await FakeEnvironment.start(spec, folder, instance, onNotice));
      say({ kind: 'started', student });
      return;
    }
    case 'be':
      for (const student of message.students) running.get(student)?.be(message.isIn);
      return;
    case 'stop':
      running.get(message.student)?.stop();
      running.delete(message.student);
  }
}

parentPort?.on('message', (message: ToWorker) => void follow(message));
