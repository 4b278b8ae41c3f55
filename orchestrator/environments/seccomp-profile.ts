/**
 * The system calls that a student's programs may use. `seccomp-profile.json` is the engine's default profile, from
 * `seccomp/default.json` of github.com/moby/profiles, version seccomp/v0.2.3 (engines 29.4.3 to 29.7.2; Apache License 2.0),
 * without
 *
 * - `modify_ldt`: needed by 16-bit programs only,
 * - `socketcall`: with it, 32-bit programs could open the kinds of sockets that the profile refuses to `socket`. It has a
 *   rule, because libseccomp would allow it together with `socket`.
 *
 * That version of the profile also refuses `io_uring_*`, `AF_VSOCK` and `AF_ALG`, which older engines allow. To update the
 * file, take a newer version and remove these two again.
 */
import { readFileSync } from 'node:fs';

export interface SeccompProfile {
  defaultAction: string;
  syscalls: { names: string[]; action: string; args?: { index: number; value: number; op: string }[] }[];
}

export const seccompProfile = JSON.parse(
  readFileSync(new URL('seccomp-profile.json', import.meta.url), 'utf8'),
) as SeccompProfile;

/** An entry of the engine's `SecurityOpt`. Contains the profile: the engine may run on another machine. */
export const SECCOMP_OPTION = `seccomp=${JSON.stringify(seccompProfile)}`;
