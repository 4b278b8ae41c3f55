/**
 * Databases and admin pages that speak HTTP. They are not meant for visitors, and many of them let everyone change data
 * or run code, so only the student's choice makes them public.
 */
import { basename } from 'node:path';

/** Default ports that students' own servers rarely use. */
const ADMIN_PORTS: ReadonlySet<number> = new Set([
  2375, // Docker's API
  2376,
  2379, // etcd
  5984, // CouchDB
  6333, // Qdrant
  7474, // Neo4j
  7700, // Meilisearch
  8086, // InfluxDB
  8108, // Typesense
  8529, // ArangoDB
  8983, // Solr
  9200, // Elasticsearch
  11434, // Ollama
  15672, // RabbitMQ
]);

/** Their defaults are ports that students' own servers use as well. */
const ADMIN_PROGRAMS: ReadonlySet<string> = new Set([
  ...[
    'mongo-express',
    'pgadmin4',
    'redis-commander',
    'drizzle-kit',
    'maildev',
    'mailhog',
    'mailpit',
    'ngrok',
  ],
  ...['prometheus', 'grafana', 'minio', 'consul', 'vault', 'influxd', 'clickhouse', 'clickhouse-server'],
]);

/** An interpreter, its script and the script's first argument: `node node_modules/.bin/prisma studio`. */
const PROGRAM_WORDS = 3;

/** `words`: the command line of the process that listens. */
export function isAdminListener(port: number, words: readonly string[]): boolean {
  if (ADMIN_PORTS.has(port)) return true;
  const names = words.slice(0, PROGRAM_WORDS).map((word) => basename(word));
  if (names.some((name) => ADMIN_PROGRAMS.has(name))) return true;
  return names.some((name, at) => name === 'prisma' && names[at + 1] === 'studio');
}
