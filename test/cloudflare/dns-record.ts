/** A DNS record, and the API's checks of a single record. Rules between records are in record-store.ts. */
import { isIPv4, isIPv6 } from 'node:net';
import { type FieldType, type JsonObject, readTypedObject } from './json.ts';
import type { Plan } from './plans.ts';
import { commentTooLong, invalidBody, invalidRecord, tagsExceeded } from './refusals.ts';

/** The types that the mock supports. The real API has more, which need fields (`data`) that devenv does not use. */
export const RECORD_TYPES = ['A', 'AAAA', 'CNAME', 'MX', 'NS', 'TXT'] as const;
export type RecordType = (typeof RECORD_TYPES)[number];
const isRecordType = (value: unknown): value is RecordType => RECORD_TYPES.some((type) => type === value);

/** The fields that a client can set. */
export interface RecordFields {
  name: string;
  type: RecordType;
  content: string;
  proxied: boolean;
  /** In seconds; 1 means "automatic" and is the TTL of every proxied record. */
  ttl: number;
  comment: string | null;
  tags: string[];
  settings: JsonObject;
  priority?: number;
}

/** A record as the API returns it. Immutable: a change creates a new object. */
export interface DnsRecord extends Readonly<RecordFields> {
  readonly id: string;
  readonly proxiable: boolean;
  readonly meta: JsonObject;
  readonly created_on: string;
  readonly modified_on: string;
  readonly comment_modified_on?: string;
}

const FIELDS: Readonly<Record<string, FieldType>> = {
  name: 'string',
  type: 'string',
  content: 'string',
  proxied: 'boolean',
  ttl: 'number',
  comment: 'string',
  tags: 'array',
  settings: 'object',
  priority: 'number',
};

const SETTINGS: Readonly<Record<string, FieldType>> = {
  flatten_cname: 'boolean',
  ipv4_only: 'boolean',
  ipv6_only: 'boolean',
};

export const isProxiable = (type: RecordType) => type === 'A' || type === 'AAAA' || type === 'CNAME';

const LABEL = /^[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?$/;

function isHostname(name: string): boolean {
  return name.length <= 253 && name.split('.').every((label) => label.length <= 63 && LABEL.test(label));
}

/** The fully qualified name. As in the API, a name that does not end with the zone's name is relative to the zone. */
function fullName(written: string, zoneName: string): string {
  const name = written.toLowerCase().replace(/\.$/, '');
  const full =
    name === '@'
      ? zoneName
      : name === zoneName || name.endsWith(`.${zoneName}`)
        ? name
        : `${name}.${zoneName}`;
  if (!isHostname(full.replace(/^\*\./, ''))) throw invalidRecord(9000, 'DNS name is invalid.');
  return full;
}

function checkContent({ type, content, name }: RecordFields): void {
  const refuse = (code: number, what: string) => invalidRecord(code, `Content for ${type} record ${what}.`);
  switch (type) {
    case 'A':
      if (!isIPv4(content)) throw refuse(9005, 'must be a valid IPv4 address');
      return;
    case 'AAAA':
      if (!isIPv6(content)) throw refuse(9006, 'must be a valid IPv6 address');
      return;
    case 'CNAME':
    case 'MX':
    case 'NS':
      if (!isHostname(content)) throw refuse(9007, 'is invalid');
      if (type === 'CNAME' && content === name) {
        throw invalidRecord(9039, 'CNAME content cannot reference itself.');
      }
      return;
    case 'TXT':
      if (content === '' || content.length > 2048) throw refuse(9009, 'must be 1 to 2048 characters');
  }
}

function checkLimits({ comment, tags }: RecordFields, plan: Plan): void {
  if (comment !== null && [...comment].length > plan.maxCommentLength)
    throw commentTooLong(plan.maxCommentLength);
  if (tags.length > plan.maxTags) throw tagsExceeded(tags.length);
}

/**
 * The fields of a request body, merged over those of `before` (PATCH) or over the defaults (POST, PUT), with names and
 * hostnames in lower case. Throws a Refusal for invalid fields.
 */
export function readRecord(
  body: unknown,
  { zoneName, plan, before }: { zoneName: string; plan: Plan; before?: RecordFields },
): RecordFields {
  const written = readTypedObject(body, FIELDS, 'the record') as Partial<RecordFields>;
  if (written.settings !== undefined) readTypedObject(written.settings, SETTINGS, 'settings');
  const { name = before?.name, type = before?.type, content = before?.content } = written;
  if (name === undefined || type === undefined || content === undefined) {
    throw invalidBody('name, type and content are required');
  }
  if (!isRecordType(type)) throw invalidRecord(1004, `DNS Validation Error: unknown record type ${type}`);
  const proxied = written.proxied ?? before?.proxied ?? false;
  const fields: RecordFields = {
    name: fullName(name, zoneName),
    type,
    content: type === 'TXT' ? content : content.toLowerCase().replace(/\.$/, ''),
    proxied,
    ttl: proxied ? 1 : (written.ttl ?? before?.ttl ?? 1),
    comment: (written.comment ?? before?.comment) || null,
    tags: written.tags ?? before?.tags ?? [],
    settings: written.settings ?? before?.settings ?? {},
  };
  const priority = written.priority ?? before?.priority;
  if (type === 'MX') {
    if (priority === undefined) throw invalidRecord(9101, 'priority is a required field.');
    fields.priority = priority;
  } else if (priority !== undefined) throw invalidBody(`a ${type} record has no priority`);
  if (proxied && !isProxiable(type)) throw invalidRecord(9004, 'This record type cannot be proxied.');
  if (fields.ttl !== 1 && !(fields.ttl >= 60 && fields.ttl <= 86_400)) {
    throw invalidRecord(9021, 'Invalid TTL. Must be between 60 and 86400 seconds, or 1 for Automatic.');
  }
  checkContent(fields);
  checkLimits(fields, plan);
  return fields;
}
