/** Databases and admin pages are told from students' own servers. */
import { isAdminListener } from '../../../../hooks/agent/admin-ports.ts';

test.each<[number, string, boolean]>([
  [9200, 'java org.elasticsearch.bootstrap.Elasticsearch', true],
  [5984, 'beam.smp', true],
  [8081, 'node /home/student/app/node_modules/.bin/mongo-express', true],
  [5555, 'node /home/student/app/node_modules/.bin/prisma studio', true],
  [9090, '/usr/bin/prometheus --config.file=x', true],
  [9090, 'node server.js', false],
  [8081, 'node server.js', false],
  [5555, 'node /home/student/app/node_modules/.bin/prisma generate --watch', false],
  [6006, 'node /home/student/app/node_modules/.bin/storybook dev', false],
  [3000, 'node server.js about prometheus', false],
])('port %i of `%s`: %p', (port, command, expected) => {
  expect(isAdminListener(port, command.split(' '))).toBe(expected);
});
