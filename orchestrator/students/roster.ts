/** Who there is: the rows of the store, each with what is known of it at this moment. */

import { type Route, routeId } from '../edges/edge.ts';
import type { EnvironmentSpec, EnvironmentState } from '../environments/types.ts';
import { DevenvError, type Problem } from '../errors.ts';
import { suggestName } from '../names.ts';
import type { Notice, Report } from '../protocol/messages.ts';
import type { Store } from '../store/index.ts';
import type { StudentPatch, StudentRow } from '../store/types.ts';
import { type NoticeMemory, noNotices } from './notices.ts';
import type { MemoryKill } from './situation.ts';

export interface Student {
  row: StudentRow;
  environment: EnvironmentState;
  /** The newest report; null until the first one since the daemon or the environment started. */
  report: Report | null;
  noticeMemory: NoticeMemory;
  /** The last time that the kernel killed something in there for memory. */
  memoryKill: MemoryKill | null;
  /** Why the student has not the hostname that the settings give; null where they have it. */
  nameClash: Problem | null;
  /** Given out and not yet reported as shown, oldest first. */
  notices: Notice[];
}

/** What to do about a name that nobody has: the one that was meant, or a student of that name if it can be one. */
function nextFor(name: string, isKnown: (name: string) => boolean): string {
  const nearest = suggestName(name);
  if (nearest !== null && isKnown(nearest)) return `Did you mean ${nearest}?`;
  const list = '`devenv list` shows who there is';
  return nearest === name ? `${list}; \`devenv create ${name}\` makes this one.` : `${list}.`;
}

function notFound(name: string, isKnown: (name: string) => boolean): DevenvError {
  return new DevenvError({
    code: 'not-found',
    what: `There is no student called '${name}'.`,
    next: nextFor(name, isKnown),
  });
}

export class Roster {
  readonly #students = new Map<string, Student>();
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  /** Takes a row in; written by `insert`, read back by `load`. */
  #admit(row: StudentRow): Student {
    const noticeMemory =
      row.noticeMemory === null
        ? noNotices
        : { ...noNotices, ...(JSON.parse(row.noticeMemory) as Partial<NoticeMemory>) };
    const student: Student = {
      row,
      environment: 'missing',
      report: null,
      noticeMemory,
      memoryKill: null,
      nameClash: null,
      notices: [],
    };
    this.#students.set(row.name, student);
    return student;
  }

  load(): Student[] {
    return this.#store.students().map((row) => this.#admit(row));
  }

  insert(row: StudentRow): Student {
    this.#store.insert(row);
    return this.#admit(row);
  }

  /** Writes a part of the row, on disk first. */
  update(student: Student, patch: StudentPatch): void {
    this.#store.update(student.row.name, patch);
    student.row = { ...student.row, ...patch };
  }

  /** Gives students other hostnames, on disk first. */
  rename(hostnames: ReadonlyMap<Student, string>): void {
    if (hostnames.size === 0) return;
    this.#store.rename(new Map([...hostnames].map(([{ row }, hostname]) => [row.name, hostname])));
    for (const [student, hostname] of hostnames) student.row = { ...student.row, hostname };
  }

  delete(student: Student): void {
    this.#store.remove(student.row.name);
    this.#students.delete(student.row.name);
  }

  find(name: string): Student | undefined {
    return this.#students.get(name);
  }

  /** Throws `not-found`. */
  get(name: string): Student {
    const student = this.#students.get(name);
    if (student === undefined) throw notFound(name, (each) => this.#students.has(each));
    return student;
  }

  /** All, by name. */
  all(): Student[] {
    return [...this.#students.values()].sort((a, b) => a.row.name.localeCompare(b.row.name));
  }
}

/** Where a student's relay is, as the host reaches it. */
export const originOf = ({ port }: StudentRow) => `http://127.0.0.1:${port}`;

/** The student's own link. */
export const routeOf = (row: StudentRow): Route => ({
  id: routeId(row.name),
  owner: row.name,
  hostname: row.hostname,
  origin: originOf(row),
});

/** What the environment of a student is made from. */
export function specOf(row: StudentRow, url: string): EnvironmentSpec {
  return {
    student: row.name,
    port: row.port,
    hostname: row.hostname,
    url,
    socketId: row.socketId,
  };
}
