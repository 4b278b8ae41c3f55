/** What the store keeps on disk. It survives a kill of the daemon at any moment. */

import type { Problem } from '../errors.ts';

/** The next start of the daemon finishes or undoes `creating` and `removing`. */
export type StudentState =
  | { kind: 'creating'; keepsHome: boolean }
  | { kind: 'present' }
  | { kind: 'removing'; keepsHome: boolean };

export interface StudentRow {
  name: string;
  port: number;
  hostname: string;
  socketId: string;
  /** Uid and gid of the student's processes and home. 0 in a row of an earlier version, until the daemon gives one. */
  uid: number;
  /** What the edge proves itself with to the relay; null until the environment starts with this version. */
  relayKey: string | null;
  createdAt: string;
  state: StudentState;
  /** Whether the instructor last ran `start` (or `create`) rather than `stop`. */
  shouldRun: boolean;
  /** State of the student's route across restarts of the daemon: JSON, written and read by `routes/`. */
  routeMemory: string | null;
  /** Which notices the student has seen: JSON, written and read by `students/notices.ts`. */
  noticeMemory: string | null;
}

/** The columns that change. Hostnames follow the settings (`rename`); all others stay as inserted. */
export type StudentPatch = Partial<
  Pick<StudentRow, 'state' | 'shouldRun' | 'routeMemory' | 'noticeMemory' | 'uid' | 'relayKey'>
>;

/**
 * Throws nothing where the disk is full: `insert` and `putJournalEntry` throw `disk-full`, all other writes are kept in
 * memory and retried.
 */
export interface Store {
  /** Why writes are only in memory, or soon will be; null if all is on disk. */
  problem(): Problem | null;
  /** Throws `disk-full` where the disk has no room for a new student. */
  requireRoomFor(student: string): void;
  /** All students, sorted by name. */
  students(): StudentRow[];
  insert(row: StudentRow): void;
  update(name: string, patch: StudentPatch): void;
  /** Changes hostnames in one transaction: a student may get the hostname that another one had. */
  rename(hostnames: ReadonlyMap<string, string>): void;
  remove(name: string): void;
  /** Journals a run before its first API call. `body` is JSON, written and read by the edge. */
  putJournalEntry(id: string, body: string): void;
  /** Removes the entry after the run's last API call. */
  removeJournalEntry(id: string): void;
  journalEntries(): { id: string; body: string }[];
  /** Saves a value for later starts, e.g. the zone's name that the edge has read. */
  remember(key: string, value: string): void;
  /** The saved value, or null. */
  recall(key: string): string | null;
  close(): void;
}
