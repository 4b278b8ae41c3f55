/** What process 1 and its children print goes to the engine, which writes it to a log on the host. */
import { heldIf, type Probe } from '../support/probes/probe.ts';
import type { Scene } from '../support/probes/scene.ts';

/** Bounded, so that the attack ends although it succeeds. */
const FLOOD_BYTES = 256 * 2 ** 20;
const FLOOD_SECONDS = 3;
/** More than a pipe and its reader accept in that time. */
const HELD_BYTES = 2 ** 20;

/** Writes to the outputs of process 1 and of its children, and prints how many bytes were accepted. */
const FLOOD = `python3 -c '
import glob, os, time
def parent(pid): return int(open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[1])
written = 0; own = {str(os.getpid()), str(os.getppid())}; end = time.monotonic() + ${FLOOD_SECONDS}
for path in glob.glob("/proc/[0-9]*/fd/[12]"):
    pid = path.split("/")[2]
    try:
        if pid in own or (pid != "1" and parent(pid) != 1): continue
        file = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
    except OSError: continue
    line = (b"x" * 99 + b"\\n") * 600
    while time.monotonic() < end and written < ${FLOOD_BYTES}:
        try: written += os.write(file, line)
        except BlockingIOError: time.sleep(0.01)
        except OSError: break
print(written)'`;

async function attack(run: (script: string) => Promise<string>) {
  const written = Number((await run(FLOOD)).split('\n').at(-1));
  return heldIf(written <= HELD_BYTES, `${(written / 2 ** 20).toFixed(1)} MB in at most ${FLOOD_SECONDS} s`);
}

export const probe: Probe = {
  name: 'flood-output',
  attack: "a student writes to the output of the environment's process 1, which the engine logs",
  runs: 'ci',
  knownGap: null,
  run: ({ attacker }) => attack((script) => attacker.runScript(script)),
  // There process 1 is a program that students can read, so the kernel lets them open its output.
  runUnprotected: async (scene: Scene) => attack(await scene.containerLikeAttacker()),
};
