import { withoutHopByHop } from '../../../../orchestrator/proxy/header-list.ts';

test('hop-by-hop headers and those that Connection names are not forwarded', () => {
  const list = [
    'Connection',
    'keep-alive, X-Once',
    'X-Once',
    '1',
    'Keep-Alive',
    '5',
    'Transfer-Encoding',
    'chunked',
    'A',
    'b',
  ];
  expect(withoutHopByHop(list)).toEqual(['A', 'b']);
});
