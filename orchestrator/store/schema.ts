/** Renames keys of a JSON object in a column of `students`, and values of its `reason`. Other values stay as they are. */
function renameInJson(column: string, keys: Record<string, string>, reasons: Record<string, string>): string {
  const cases = (names: Record<string, string>) =>
    Object.entries(names)
      .map(([before, after]) => `WHEN '${before}' THEN '${after}'`)
      .join(' ');
  // `->` keeps booleans; json_each's own `value` would turn them into 0 and 1.
  return `UPDATE students SET ${column} = (
     SELECT json_group_object(
       CASE key ${cases(keys)} ELSE key END,
       json(CASE key
         WHEN 'reason' THEN json_quote(CASE value ${cases(reasons)} ELSE value END)
         ELSE students.${column} -> fullkey END))
     FROM json_each(students.${column}))
   WHERE ${column} IS NOT NULL;`;
}

const LINK_REASONS = { nobody: 'no-session', 'too-often': 'rate-limited', silent: 'agent-silent' };

/** Migrations of the database, oldest first. Append new ones; never change an entry that an installation may have run. */
export const migrations: readonly string[] = [
  `CREATE TABLE students (
     name TEXT PRIMARY KEY,
     port INTEGER NOT NULL UNIQUE,
     hostname TEXT NOT NULL UNIQUE,
     socket_id TEXT NOT NULL UNIQUE,
     created_at TEXT NOT NULL,
     state TEXT NOT NULL,
     should_run INTEGER NOT NULL,
     route_memory TEXT,
     notice_memory TEXT
   ) STRICT;
   CREATE TABLE intents (id TEXT PRIMARY KEY, body TEXT NOT NULL) STRICT;`,
  'CREATE TABLE facts (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;',
  `UPDATE students SET state = json_set(json_remove(state, '$.life'), '$.kind', json_extract(state, '$.life'));
   ALTER TABLE intents RENAME TO journal;`,
  renameInJson(
    'route_memory',
    {
      wanted: 'desired',
      served: 'hasServed',
      ports: 'additionalPorts',
      linked: 'reservedPorts',
      paidAt: 'tokensFullAt',
      heldUntil: 'rateLimitedUntil',
    },
    LINK_REASONS,
  ) +
    renameInJson(
      'notice_memory',
      {
        live: 'announcedFor',
        server: 'announcedServer',
        starting: 'startingId',
        slow: 'slowStartId',
        waiting: 'waitingOpening',
        memoryKill: 'memoryKillAt',
        told: 'announcedPort',
        changing: 'portChange',
        seen: 'webServers',
        others: 'mentionedPorts',
        paidAt: 'tokensFullAt',
      },
      LINK_REASONS,
    ),
  // 0: none yet. The next start of the daemon, which knows the host's accounts, gives every student one.
  `ALTER TABLE students ADD COLUMN uid INTEGER NOT NULL DEFAULT 0;
   CREATE UNIQUE INDEX students_uid ON students (uid) WHERE uid > 0;`,
  'ALTER TABLE students ADD COLUMN relay_key TEXT;',
];
