/** Environments on an older image are reported, also by a daemon that has just started. */
import { LAB_IMAGE, Lab } from '../../../support/lab.ts';

let lab: Lab;

beforeEach(() => {
  lab = new Lab();
});
afterEach(() => lab.remove());

const outdated = () => lab.students.list().map(({ name, environment }) => [name, environment.outdated]);

test('an environment is outdated from an update of the image on', async () => {
  await lab.up({});
  await lab.create('alice');
  expect(outdated()).toEqual([['alice', false]]);
  lab.currentImage = 'devenv-student:newer';
  expect(outdated()).toEqual([['alice', true]]);
  await lab.down();

  await lab.up({});
  expect(outdated()).toEqual([['alice', true]]);
  lab.currentImage = LAB_IMAGE;
  expect(outdated()).toEqual([['alice', false]]);
});
