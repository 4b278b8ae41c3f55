/** Docker's name server on 127.0.0.11 knows names and addresses of all containers on a network. */
import { networkOf } from '../../orchestrator/environments/network.ts';
import { PUBLIC_NAME } from '../support/name-server.ts';
import { heldIf, type Probe } from '../support/probes/probe.ts';
import type { Scene } from '../support/probes/scene.ts';

/** Asks the container's name servers and Docker's for the student's name and address; prints what was found. */
const ASK = `
const { Resolver } = require('dns').promises;
const [name, reverse, publicName] = process.argv.slice(1);
const ofEngine = new Resolver({ timeout: 4000, tries: 1 });
ofEngine.setServers(['127.0.0.11']);
const found = (query) => query.then(String, () => '');
const own = new Resolver({ timeout: 4000, tries: 2 });
Promise.all([own, ofEngine].flatMap((resolver) => [
  found(resolver.resolve4(name)),
  found(resolver.resolvePtr(reverse)),
])).then(async (answers) => {
  const known = answers.filter((answer) => answer !== '').length;
  console.log(JSON.stringify({ known, asked: answers.length, publicAddress: await found(own.resolve4(publicName)) }));
});`;

interface Found {
  known: number;
  asked: number;
  publicAddress: string;
}

async function attack(scene: Scene, runScript: (script: string) => Promise<string>) {
  const { own } = await scene.addressesOf(scene.other);
  const reverse = `${own.split('.').reverse().join('.')}.in-addr.arpa`;
  const names = [scene.other.container, reverse, PUBLIC_NAME.name].join(' ');
  const output = await runScript(`node -e "${ASK}" ${names}`);
  const { known, asked, publicAddress } = JSON.parse(output) as Found;
  const resolves = publicAddress === PUBLIC_NAME.address;
  return heldIf(
    known === 0 && resolves,
    `${known} of ${asked} queries answered, ${resolves ? 'public names resolve' : 'public names do not resolve'}`,
  );
}

/** A container on the students' network in which Docker's name server is open. */
async function attackWithEngineResolver(scene: Scene) {
  const NetworkMode = networkOf(scene.devenv.instance).name;
  return attack(scene, await scene.containerLikeAttacker({ NetworkMode }));
}

export const probe: Probe = {
  name: 'resolve-other-student',
  attack: "a student looks up another student's name and address",
  runs: 'ci',
  knownGap: null,
  run: (scene) => attack(scene, (script) => scene.attacker.runScript(script)),
  runUnprotected: attackWithEngineResolver,
};
