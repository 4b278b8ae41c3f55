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
  /** The route's memory across restarts of the daemon: JSON of `routes/`' own. */
  routeMemory: string | null;
  /** What the student has been told: JSON of `students/notices.ts`. */
  noticeMemory: string | null;
}

/** What may change of a student at any time. Hostnames follow the settings (`rename`); the rest is for life. */
export type StudentPatch = Partial<Pick<StudentRow, 'state' | 'shouldRun' | 'routeMemory' | 'noticeMemory'>>;

export interface Store {
  /** All, by name. */
  students(): StudentRow[];
  insert(row: StudentRow): void;
  update(name: string, patch: StudentPatch): void;
  /** Gives students other hostnames, all at once: one may get what another has had. */
  rename(hostnames: ReadonlyMap<string, string>): void;
  remove(name: string): void;
  /** Written before the first call of a publication, and removed after its last. `body` is JSON of the writer's own. */
  putJournalEntry(id: string, body: string): void;
  removeJournalEntry(id: string): void;
  journalEntries(): { id: string; body: string }[];
  /** Keeps a small fact for later starts, e.g. what an edge has learned. */
  remember(key: string, value: string): void;
  /** Null where nothing is kept. */
  recall(key: string): string | null;
  close(): void;
}
