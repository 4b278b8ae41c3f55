/** Hostnames follow the settings: after a change of edge, zone or template everybody gets the one that they give now. */
import type { Edge } from '../edges/edge.ts';
import { DevenvError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Roster, Student } from './roster.ts';

interface Parts {
  edge: Edge;
  roster: Roster;
  log: Log;
}

/** What was said of a link holds for the one at the old name: the new one is told anew. */
const untold = ({ noticeMemory }: Student) => ({ ...noticeMemory, live: null, told: null });

/** Keeps the hostname that a student has, and says why. */
function keep(student: Student, hostname: string, other: Student, log: Log): void {
  const { name } = student.row;
  student.nameClash = new DevenvError({
    code: 'conflict',
    what: `'${name}' would get the hostname ${hostname}, which '${other.row.name}' gets, and keeps ${student.row.hostname}.`,
    next: 'Set a hostname template that tells them apart (DEVENV_HOSTNAME), then `devenv down` and `devenv up`.',
  }).problem;
  log.error({ student: name, problem: student.nameClash }, 'two students would get one hostname');
}

/** The present hostname of each student. What they have is unique, so whoever keeps that is in nobody's way for long. */
function presentHostnames({ edge, roster, log }: Parts): Map<string, Student> {
  const students = roster.all();
  for (const student of students) student.nameClash = null;
  const wished = ({ row, nameClash }: Student) =>
    nameClash === null ? (edge.knownHostname(row.name) ?? row.hostname) : row.hostname;
  for (;;) {
    const holders = new Map<string, Student>();
    const clashing = students.find((student) => {
      const hostname = wished(student);
      const other = holders.get(hostname);
      if (other === undefined) holders.set(hostname, student);
      else if (student.row.hostname === hostname) keep(other, hostname, student, log);
      else keep(student, hostname, other, log);
      return other !== undefined;
    });
    if (clashing === undefined) return holders;
  }
}

/** Writes down everybody's present hostname, as far as the edge knows it by now; returns whose is another one. */
export function updateHostnames(parts: Parts): Student[] {
  const { roster, log } = parts;
  const changed = [...presentHostnames(parts)].filter(([hostname, { row }]) => hostname !== row.hostname);
  for (const [hostname, { row }] of changed)
    log.info({ student: row.name, before: row.hostname, hostname }, 'the settings give another hostname');
  roster.rename(new Map(changed.map(([hostname, student]) => [student, hostname])));
  for (const [, student] of changed) {
    student.noticeMemory = untold(student);
    roster.update(student, { noticeMemory: JSON.stringify(student.noticeMemory) });
  }
  return changed.map(([, student]) => student);
}
