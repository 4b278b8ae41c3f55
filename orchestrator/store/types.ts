/** What is kept on disk, and survives every kill. */

/** `creating` and `removing` are finished or undone by the next start. */
export type StudentLife =
  | { life: 'creating'; keepsHome: boolean }
  | { life: 'present' }
  | { life: 'removing'; keepsHome: boolean };

export interface StudentRow {
  name: string;
  port: number;
  hostname: string;
  socketId: string;
  createdAt: string;
  state: StudentLife;
  /** What the instructor last asked for: `start` or `stop`. */
  shouldRun: boolean;
  /** The instructor's word on the route, until the next session begins (close) or ends (open). */
  override: 'open' | 'close' | null;
  /** The route's memory across restarts of the daemon: JSON of `routes/`' own. */
  routeMemory: string | null;
  /** What the student has been told: JSON of `students/notices.ts`. */
  noticeMemory: string | null;
}
