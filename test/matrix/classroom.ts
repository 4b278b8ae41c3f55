/** A class for the matrices and the soak: an installation with short times and students who work side by side. */
import { Installation, root } from '../support/installation.ts';
import { ClassroomStudent } from './classroom-student.ts';

/**
 * The classroom's grace period. Long enough to tell a link that closes at once from one that closes after the grace
 * period, even on a machine that is ten times slower.
 */
export const GRACE_S = 20;
/** How long the classroom's links stay open for a command that never listens. */
export const STARTING_S = 12;

const NAMES = ['alice', 'bob', 'carol', 'dave', 'erin', 'frank'];
const namesOf = (count: number) =>
  Array.from({ length: count }, (_, index) => NAMES[index] ?? `student-${index + 1}`);

export interface ClassroomOptions {
  /** The number of students. */
  students: number;
  /** Further settings, by environment variable. */
  env?: Record<string, string>;
}

export interface Classroom {
  devenv: Installation;
  students: ClassroomStudent[];
  /** Removes the installation with everything in it. */
  close(): Promise<void>;
}

/** Creates a class with the folder test/matrix/app in each home. */
export async function openClassroom({ students: count, env }: ClassroomOptions): Promise<Classroom> {
  const devenv = await Installation.make({
    env: {
      DEVENV_GRACE: String(GRACE_S),
      DEVENV_STARTING: String(STARTING_S),
      DEVENV_LIMITS_MEMORY: '600m',
      ...env,
    },
  });
  const students = namesOf(count).map((name) => new ClassroomStudent(devenv, name));
  try {
    for (const student of students) {
      await devenv.succeed('create', student.name);
      student.copyIn(`${root}test/matrix/app`);
    }
  } catch (error) {
    await devenv.remove();
    throw error;
  }
  return { devenv, students, close: () => devenv.remove() };
}

/** Runs `task` with a class that is removed afterwards in any case. */
export async function withClassroom<Result>(
  options: ClassroomOptions,
  task: (students: ClassroomStudent[]) => Promise<Result>,
): Promise<Result> {
  const { students, close } = await openClassroom(options);
  try {
    return await task(students);
  } finally {
    await close();
  }
}
