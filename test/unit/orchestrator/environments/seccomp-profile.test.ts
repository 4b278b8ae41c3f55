/** The system calls that students' programs may use. */
import { seccompProfile } from '../../../../orchestrator/environments/seccomp-profile.ts';

const allowed = seccompProfile.syscalls.filter(({ action }) => action === 'SCMP_ACT_ALLOW');
const rulesOf = (name: string) => allowed.filter(({ names }) => names.includes(name));

test('what is not allowed is refused', () => {
  expect(seccompProfile.defaultAction).toBe('SCMP_ACT_ERRNO');
});

test.each(['io_uring_setup', 'io_uring_enter', 'io_uring_register', 'modify_ldt', 'socketcall'])(
  '%s is refused',
  (name) => {
    expect(rulesOf(name)).toEqual([]);
  },
);

test('of all kinds of sockets, only AF_VSOCK (40) and AF_ALG (38) are refused', () => {
  const rules = rulesOf('socket').map(({ args }) => args ?? []);
  const isAllowed = (family: number) =>
    rules.some((args) =>
      args.every(({ op, value }) => {
        switch (op) {
          case 'SCMP_CMP_LT':
            return family < value;
          case 'SCMP_CMP_GT':
            return family > value;
          default:
            return op === 'SCMP_CMP_EQ' && family === value;
        }
      }),
    );
  const refused = Array.from({ length: 64 }, (_, family) => family).filter((family) => !isAllowed(family));
  expect(refused).toEqual([38, 40]);
});
