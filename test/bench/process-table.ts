/** What a look of the agent costs by the number of processes: the agent's own code, in a container, as it runs there. */
import { BareContainer } from '../support/bare-container.ts';
import { percentile, printMeasurement } from '../support/measurements.ts';

const LOOKS = 200;
const script = `
import { Observer } from '/usr/lib/devenv/agent/observer.js'
import { places } from '/usr/lib/devenv/agent/places.js'
const observer = new Observer({ places, ownPid: process.pid, port: 3001, watch: () => ['npm run dev', 'npm start'],
  sessionHolders: () => [], chosen: () => null, onNews() {} })
const times = []
for (let look = 0; look < ${LOOKS} + 20; look++) {
  const started = performance.now()
  observer.look()
  times.push(performance.now() - started)
}
console.log(JSON.stringify(times.slice(20)))
`;

const container = await BareContainer.start({ pidsLimit: 1024 });
try {
  const looks = () =>
    JSON.parse(container.run(`node --input-type=module -e "$(cat <<'E'\n${script}\nE\n)"`)) as number[];
  const few = looks();
  printMeasurement('a look with 2 processes, p50', `${percentile(few, 0.5).toFixed(2)} ms`);
  container.run('for i in {1..300}; do sleep 1000 & done >/dev/null 2>&1');
  const many = looks();
  for (const [name, share] of [
    ['p50', 0.5],
    ['p99', 0.99],
  ] as const) {
    const is = percentile(many, share);
    printMeasurement(`a look with 300 processes, ${name}`, `${is.toFixed(2)} ms`, {
      to: 'the pause of 300 ms between two looks',
      is: is / 300,
    });
  }
} finally {
  await container.remove();
}
