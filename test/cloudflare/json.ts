/** JSON values, and the strict checks of JSON objects that the whole mock shares. */
import { invalidBody } from './refusals.ts';

export type Json = null | boolean | number | string | Json[] | JsonObject;
export interface JsonObject {
  [key: string]: Json;
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** `value` as an object with no other fields than `allowed`. Otherwise throws a Refusal whose message names `where`. */
export function readObject(
  value: unknown,
  allowed: ReadonlySet<string>,
  where: string,
): Record<string, unknown> {
  if (!isObject(value)) throw invalidBody(`${where} must be an object`);
  for (const field of Object.keys(value)) {
    if (!allowed.has(field)) throw invalidBody(`${where} has an unknown field: ${field}`);
  }
  return value;
}

export type FieldType = 'string' | 'number' | 'boolean' | 'object' | 'array';

function typeOf(value: unknown): FieldType | 'null' | 'other' {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  const type = typeof value;
  return type === 'string' || type === 'number' || type === 'boolean' || type === 'object' ? type : 'other';
}

/** `value` as an object whose fields are all in `fields` and have the types given there. Otherwise throws a Refusal. */
export function readTypedObject(
  value: unknown,
  fields: Readonly<Record<string, FieldType>>,
  where: string,
): Record<string, unknown> {
  const read = readObject(value, new Set(Object.keys(fields)), where);
  for (const [field, found] of Object.entries(read)) {
    if (typeOf(found) !== fields[field]) throw invalidBody(`${where}.${field} must be a ${fields[field]}`);
  }
  return read;
}
