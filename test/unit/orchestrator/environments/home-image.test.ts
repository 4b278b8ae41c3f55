/** The loop devices of homes. */
import { chooseLoop, firstUidOf, loopOf } from '../../../../orchestrator/environments/home-image.ts';

test('a home gets a number that no other home has', () => {
  const numbers = [0, 0, 0.5];
  const random = () => numbers.shift() ?? 0.9;
  expect(chooseLoop(new Set([1000]), random)).toBe(8500);
});

test.each([
  [{ type: 'ext4', device: '/dev/loop1234' }, 1234],
  [{ type: 'none', o: 'bind', device: '/var/lib/docker/volumes/x/_data' }, null],
  [{}, null],
  [null, null],
])('the loop device of %j is %s', (options, loop) => {
  expect(loopOf(options)).toBe(loop);
});

test.each([
  ['/var/lib/docker', 0],
  ['/var/lib/docker/231072.231072', 231_072],
])('uid 0 of containers of an engine at %s is %i on the host', (folder, uid) => {
  expect(firstUidOf(folder)).toBe(uid);
});
