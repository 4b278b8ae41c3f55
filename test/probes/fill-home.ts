/** The home, which is on the disk of all homes. */
import { heldIf, type Probe } from '../support/probes/probe.ts';
import { SCENE_HOME_BYTES, type Scene } from '../support/probes/scene.ts';

/** Reserves space in the home, twice its limit, and prints how many bytes it got. Only reserved, so it takes no time. */
const FILL = `cd ~; for i in $(seq 20); do fallocate -l ${SCENE_HOME_BYTES / 8} filled$i 2>/dev/null || break; done
  stat -c %s filled* | python3 -c 'import sys; print(sum(map(int, sys.stdin)))'`;

/** The status that a visitor of the other student gets. Starts the server, unless another probe did. */
async function visitOther(scene: Scene): Promise<number | null> {
  if ((await scene.devenv.statusOf(scene.other.name)) !== 200) await scene.serveOther();
  return scene.devenv.statusOf(scene.other.name);
}

/** `page`: what a visitor of the other student gets while the home is full. */
async function attack(run: (script: string) => Promise<string>, page: () => Promise<string>) {
  const taken = Number(await run(FILL));
  const answer = await page();
  await run('rm -f ~/filled*');
  const isHeld = taken <= SCENE_HOME_BYTES && (answer === '' || answer.endsWith(' 200'));
  return heldIf(isHeld, `${Math.round(taken / 2 ** 20)} of ${SCENE_HOME_BYTES / 2 ** 20} MB taken${answer}`);
}

export const probe: Probe = {
  name: 'fill-home',
  attack: "a student fills the home; another student's page is requested meanwhile",
  runs: 'ci',
  knownGap: null,
  async run(scene: Scene) {
    await visitOther(scene);
    const page = async () => `; the other student's page answers ${await visitOther(scene)}`;
    return attack((script) => scene.attacker.runScript(script), page);
  },
  async runUnprotected(scene: Scene) {
    const run = await scene.containerLikeAttacker({ ReadonlyRootfs: false }, '1000:1000');
    return attack(run, async () => '');
  },
};
