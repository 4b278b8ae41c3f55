/** All students of this installation: the store's rows, each with its current state. The store is written first. */
import { DevenvError } from '../errors.ts';
import { suggestName } from '../names.ts';
import type { Store } from '../store/index.ts';
import type { StudentPatch, StudentRow } from '../store/types.ts';
import { type Student, studentOf } from './student.ts';

/** What to do about an unknown name: a known name that is similar, or how to create the student. */
function nextAfterUnknown(name: string, isKnown: (name: string) => boolean): string {
  const similar = suggestName(name);
  if (similar !== null && isKnown(similar)) return `Did you mean ${similar}?`;
  return similar === name
    ? `List the students with \`devenv list\`, or create this one with \`devenv create ${name}\`.`
    : 'List the students with `devenv list`.';
}

export class Roster {
  readonly #students = new Map<string, Student>();
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  /** Reads all students from the store. */
  load(): void {
    for (const row of this.#store.students()) this.#students.set(row.name, studentOf(row));
  }

  /** Throws `disk-full` where the state's disk has no room for a new student. */
  requireRoomFor(name: string): void {
    this.#store.requireRoomFor(name);
  }

  insert(row: StudentRow): Student {
    this.#store.insert(row);
    const student = studentOf(row);
    this.#students.set(row.name, student);
    return student;
  }

  update(student: Student, patch: StudentPatch): void {
    this.#store.update(student.row.name, patch);
    student.row = { ...student.row, ...patch };
  }

  /** Gives students other hostnames, all in one transaction. */
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
    if (student !== undefined) return student;
    throw new DevenvError({
      code: 'not-found',
      what: `There is no student called '${name}'.`,
      next: nextAfterUnknown(name, (each) => this.#students.has(each)),
    });
  }

  /** All students, sorted by name. */
  all(): Student[] {
    return [...this.#students.values()].sort((a, b) => a.row.name.localeCompare(b.row.name));
  }
}
