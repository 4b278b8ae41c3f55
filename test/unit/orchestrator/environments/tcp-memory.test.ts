/** Which cgroup limits the buffers of an environment's connections. */
import { memoryCgroup } from '../../../../orchestrator/environments/tcp-memory.ts';

test.each([
  ['5:freezer:/docker/ab\n4:memory:/docker/ab\n0::/\n', '/docker/ab'],
  ['7:cpu,memory,pids:/system.slice/docker-ab.scope\n', '/system.slice/docker-ab.scope'],
  ['0::/system.slice/docker-ab.scope\n', null],
  ['3:mymemory:/other\n', null],
])('%p is %p', (text, cgroup) => {
  expect(memoryCgroup(text)).toBe(cgroup);
});
