/** System calls that no web development needs, and in which kernels had many vulnerabilities. */
import { heldIf, type Probe } from '../support/probes/probe.ts';
import type { Scene } from '../support/probes/scene.ts';

/** Python programs that fail with an exception, or die of a signal, where the kernel refuses the call. */
const ATTEMPTS: Record<string, string> = {
  io_uring: `
libc = ctypes.CDLL(None, use_errno=True)
assert libc.syscall(425, 1, ctypes.create_string_buffer(256)) >= 0`,
  AF_VSOCK: 'socket.socket(40, socket.SOCK_STREAM)',
  AF_ALG: 'socket.socket(38, socket.SOCK_SEQPACKET)',
  modify_ldt: `
assert platform.machine() == "x86_64"
assert ctypes.CDLL(None).syscall(154, 0, ctypes.create_string_buffer(64), 64) >= 0`,
  // mov eax, 102; mov ebx, 1; mov ecx, ADDRESS; int 0x80; ret: as a 32-bit program, for an AF_UNIX socket.
  socketcall: `
assert platform.machine() == "x86_64"
page = mmap.mmap(-1, 4096, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x40, prot=7)
address = ctypes.addressof(ctypes.c_char.from_buffer(page))
page.write(b"\\x53\\xb8\\x66\\0\\0\\0\\xbb\\1\\0\\0\\0\\xb9" + struct.pack("<I", address + 64) + b"\\xcd\\x80\\x5b\\xc3")
page[64:76] = struct.pack("<III", 1, 1, 0)
assert ctypes.CFUNCTYPE(ctypes.c_int)(address)() >= 0`,
};

const MODULES = 'import ctypes, mmap, platform, socket, struct';

async function attack(scene: Scene, SecurityOpt?: string[]) {
  const run = await scene.containerLikeAttacker(SecurityOpt === undefined ? {} : { SecurityOpt });
  const succeeded: string[] = [];
  for (const [what, program] of Object.entries(ATTEMPTS)) {
    const script = `python3 -c '${MODULES}\n${program}' >/dev/null 2>&1 && echo yes || echo no`;
    if ((await run(script)).endsWith('yes')) succeeded.push(what);
  }
  const count = `${succeeded.length} of ${Object.keys(ATTEMPTS).length} succeeded`;
  return heldIf(succeeded.length === 0, succeeded.length === 0 ? count : `${count}: ${succeeded.join(', ')}`);
}

export const probe: Probe = {
  name: 'use-syscalls',
  attack:
    'a student uses io_uring, sockets of the kinds AF_VSOCK and AF_ALG, and calls for 16-bit and 32-bit programs',
  runs: 'ci',
  knownGap: null,
  run: (scene) => attack(scene),
  // Without a profile of devenv's, the engine applies its default.
  runUnprotected: (scene) => attack(scene, ['no-new-privileges']),
};
