/** What visitors of the other student notice during an attack. */
import { percentile, timed } from '../measurements.ts';
import type { Scene } from './scene.ts';

const QUIET_VISITS = 60;

/** The scenes in which the other student serves a page. */
const serving = new WeakSet<Scene>();

/** Runs the attack while the other student's page is visited. `visitors`: how long visits took before and meanwhile. */
export async function whileOtherIsVisited<Result>(
  scene: Scene,
  attack: () => Promise<Result>,
): Promise<{ result: Result; visitors: string }> {
  if (!serving.has(scene)) await scene.serveOther();
  serving.add(scene);
  let failed = 0;
  const visit = () =>
    timed(async () => {
      if ((await scene.other.visitStatus()) !== 200) failed += 1;
    });
  const quiet: number[] = [];
  while (quiet.length < QUIET_VISITS) quiet.push(await visit());
  const during: number[] = [];
  let isOver = false;
  const attacking = attack().finally(() => {
    isOver = true;
  });
  // The caller gets the attack's error; visits continue until then.
  attacking.catch(() => undefined);
  while (!isOver) during.push(await visit());
  const [before, meanwhile] = [quiet, during].map((times) => Math.round(percentile(times, 0.95)));
  const visitors = `other's page p95 ${before} → ${meanwhile} ms, ${failed} of ${quiet.length + during.length} visits failed`;
  return { result: await attacking, visitors };
}
