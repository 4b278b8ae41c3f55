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
];
