/** What people read where the engine fails. */
import { explainEngineError } from '../../../../orchestrator/environments/engine-errors.ts';
import { DevenvError } from '../../../../orchestrator/errors.ts';

const engineError = (message: string) => ({
  statusCode: 500,
  json: { message },
  message: `(HTTP 500) ${message}`,
});

test.each([
  ['Bind for 127.0.0.1:3001 failed: port is already allocated', 'environment', 'uses port 3001'],
  ['write /var/lib/docker/x: no space left on device', 'environment', 'disk is full'],
  ['could not find an available, non-overlapping IPv4 address pool', 'network', 'no addresses left'],
  ['No such image: devenv-student:1', 'image', 'image was removed'],
  ['something new', 'environment', "Docker could not start alice's environment: something new"],
])('%s', (message, code, what) => {
  const cause = engineError(message);
  const error = explainEngineError(cause, "start alice's environment", 3001);
  expect(error).toMatchObject({ code, what: expect.stringContaining(what), cause });
  expect(error).toMatchObject({ what: expect.stringContaining("start alice's environment") });
});

test('an engine that does not answer, and a cancelled operation', () => {
  const refused = Object.assign(new Error('connect'), { code: 'ECONNREFUSED' });
  expect(explainEngineError(refused, 'list the environments')).toMatchObject({ code: 'engine' });
  const aborted = Object.assign(new Error('aborted'), { name: 'AbortError' });
  expect(explainEngineError(aborted, 'list the environments')).toMatchObject({ code: 'cancelled' });
});

test('other errors stay as they are', () => {
  const defect = new TypeError('x is not a function');
  expect(explainEngineError(defect, 'list the environments')).toBe(defect);
  const explained = new DevenvError({ code: 'image', what: 'No image.', next: 'Build it.' });
  expect(explainEngineError(explained, 'list the environments')).toBe(explained);
});
