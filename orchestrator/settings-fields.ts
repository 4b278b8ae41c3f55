/** Field types of the settings' schema. Each carries its environment variable and its description. */
import { Type } from 'typebox';

/** Options of a group: a key that is not in the schema is an error. */
export const closed = { additionalProperties: false } as const;

/**
 * A text setting. `env`: its variable; `form`: what its `pattern` requires, in words; `withoutDefault`: what applies
 * where it is not set, in words.
 */
export const Text = (env: string, description: string, options: object = {}) =>
  Type.String({ env, description, minLength: 1, ...options });
export const Whole = (env: string, description: string, options: object) =>
  Type.Integer({ env, description, ...options });
export const List = (env: string, description: string, options: object = {}) =>
  Type.Array(Type.String({ minLength: 1 }), { env, description, ...options });
export const Flag = (env: string, description: string) => Type.Boolean({ env, description, default: false });

/** Pattern of a port, 0 to 65535. */
export const PORT = '(?:6553[0-5]|655[0-2][0-9]|65[0-4][0-9]{2}|6[0-4][0-9]{3}|[1-5]?[0-9]{1,4})';
