/** The agent's observation of its environment by the number of processes: the agent's own code in a student container. */
import { BareContainer } from '../support/bare-container.ts';
import { PERCENTILES, percentile, printMeasurement } from '../support/measurements.ts';

const OBSERVATIONS = 200;
const WARM_UP = 20;
const PROCESSES = 300;
/** The agent's pause between two observations while the student is active (hooks/agent/agent.ts). */
const POLL_INTERVAL_MS = 300;

const script = `
import { Observer } from '/usr/lib/devenv/hooks/agent/observer.js'
import { environmentPaths } from '/usr/lib/devenv/hooks/agent/paths.js'
const observer = new Observer({ paths: environmentPaths, ownPid: process.pid, portVariable: 3001,
  watchedCommands: () => ['npm run dev', 'npm start'], sessionHolders: () => [], chosenPort: () => null, onChange() {} })
const times = []
for (let count = 0; count < ${OBSERVATIONS + WARM_UP}; count++) {
  const started = performance.now()
  observer.observe()
  times.push(performance.now() - started)
}
console.log(JSON.stringify(times.slice(${WARM_UP})))
`;

const container = await BareContainer.start({ pidsLimit: 1024 });
try {
  const observe = () =>
    JSON.parse(container.run(`node --input-type=module -e "$(cat <<'E'\n${script}\nE\n)"`)) as number[];
  const few = observe();
  container.run(`for i in {1..${PROCESSES}}; do sleep 1000 & done >/dev/null 2>&1`);
  const many = observe();
  for (const [name, share] of PERCENTILES) {
    const [fewMs, manyMs] = [percentile(few, share), percentile(many, share)];
    printMeasurement(`observation with 2 processes, ${name}`, `${fewMs.toFixed(2)} ms`);
    printMeasurement(`observation with ${PROCESSES} processes, ${name}`, `${manyMs.toFixed(2)} ms`, {
      to: 'with 2 processes',
      is: manyMs / fewMs,
    });
  }
  const share = percentile(many, 0.5) / POLL_INTERVAL_MS;
  printMeasurement(`share of the poll interval, ${PROCESSES} processes`, `${(share * 100).toFixed(1)} %`, {
    to: `${POLL_INTERVAL_MS} ms`,
    is: share,
  });
} finally {
  container.remove();
}
