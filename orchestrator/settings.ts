/** Reads the settings: defaults, then the file, then the environment. Reports every mistake before anything is changed. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TSchema } from 'typebox';
import { Check } from 'typebox/value';
import { parseDocument } from 'yaml';
import { DevenvError } from './errors.ts';
import { type Settings, SettingsSchema } from './settings-schema.ts';

export interface HostInfo {
  env: NodeJS.ProcessEnv;
  /** The host's name: the default of `instance`. */
  hostname: string;
  uid: number;
  /** The user's home folder. */
  home: string;
}

/** One setting of the schema. */
export interface Setting {
  /** Its path in the file, e.g. `limits.memory`. */
  path: string;
  env: string;
  description: string;
  default: unknown;
  /** What applies where it has no default and is not set, in words; null where nothing does. */
  withoutDefault: string | null;
  schema: TSchema;
}

interface SettingSchema {
  env?: string;
  description?: string;
  default?: unknown;
  withoutDefault?: string;
  type?: string;
  properties?: Record<string, TSchema>;
  anyOf?: { const: unknown }[];
}

/** Every setting, in the schema's order. */
export function allSettings(schema: TSchema = SettingsSchema, prefix = ''): Setting[] {
  const { properties = {} } = schema as SettingSchema;
  return Object.entries(properties).flatMap(([key, each]) => {
    const { env, description = '', default: byDefault, withoutDefault = null } = each as SettingSchema;
    const path = `${prefix}${key}`;
    if (env === undefined) return allSettings(each, `${path}.`);
    return [{ path, env, description, default: byDefault, withoutDefault, schema: each }];
  });
}

/** `DEVENV_STATE_DIR`, else `/var/lib/devenv` for root, else under `$XDG_STATE_HOME`. */
export function stateDirOf({ env, uid, home }: HostInfo): string {
  if (env.DEVENV_STATE_DIR) return env.DEVENV_STATE_DIR;
  if (uid === 0) return '/var/lib/devenv';
  return join(env.XDG_STATE_HOME || join(home, '.local/state'), 'devenv');
}

type Tree = { [key: string]: unknown };

const isTree = (value: unknown): value is Tree =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function getPath(tree: Tree, path: string): unknown {
  return path.split('.').reduce<unknown>((at, key) => (isTree(at) ? at[key] : undefined), tree);
}

function setPath(tree: Tree, path: string, value: unknown): void {
  const keys = path.split('.');
  const last = keys.pop() ?? '';
  let at = tree;
  for (const key of keys) {
    const below = at[key];
    if (isTree(below)) at = below;
    else {
      const group: Tree = {};
      at[key] = group;
      at = group;
    }
  }
  at[last] = value;
}

/** The values that a schema allows, in words. */
export function allowedValues(schema: TSchema): string {
  const { type, anyOf, form, items, minimum, maximum } = schema as SettingSchema & {
    form?: string;
    items?: TSchema;
    minimum?: number;
    maximum?: number;
  };
  if (anyOf) return `one of ${anyOf.map((each) => String(each.const)).join(', ')}`;
  const bounds = minimum === undefined ? '' : ` from ${minimum} to ${maximum}`;
  switch (type) {
    case 'integer':
      return `a whole number${bounds}`;
    case 'number':
      return `a number${bounds}`;
    case 'boolean':
      return 'true or false';
    case 'array': {
      const { form: item } = (items ?? {}) as { form?: string };
      return item === undefined ? 'a list of texts' : `a list of ${item}`;
    }
    default:
      return form ?? 'a text';
  }
}

/** Parses a variable's text to the schema's type. Text that is not a number stays text: the check then refuses it. */
function fromText(text: string, schema: TSchema): unknown {
  const { type } = schema as SettingSchema;
  switch (type) {
    case 'integer':
    case 'number':
      return /^-?[0-9.]+$/.test(text) ? Number(text) : text;
    case 'boolean':
      return text === 'true' || (text === 'false' ? false : text);
    case 'array':
      return text
        .split(',')
        .map((item) => item.trim())
        .filter((item) => item !== '');
    default:
      return text;
  }
}

function badSettings(faults: readonly string[], where: string): DevenvError {
  return new DevenvError({
    code: 'bad-settings',
    what: `The settings are not valid. ${faults.join(' ')}`,
    next: `Correct ${where}. docs/configuration.md lists every setting. Nothing was changed.`,
  });
}

function readFile(path: string, mustExist: boolean): Tree {
  if (!existsSync(path)) {
    if (mustExist)
      throw badSettings([`DEVENV_CONFIG is ${path}, but that file does not exist.`], 'DEVENV_CONFIG');
    return {};
  }
  const document = parseDocument(readFileSync(path, 'utf8'));
  const [error] = document.errors;
  if (error) throw badSettings([`${path} is not valid YAML: ${error.message.split('\n')[0]}`], path);
  const content: unknown = document.toJS() ?? {};
  if (!isTree(content))
    throw badSettings([`${path} must contain settings, but contains ${JSON.stringify(content)}.`], path);
  return content;
}

/** Mistakes in the file's structure: unknown keys, and values in place of groups. */
function shapeFaults(tree: Tree, path: string, schema: TSchema = SettingsSchema, prefix = ''): string[] {
  const { properties = {} } = schema as SettingSchema;
  return Object.entries(tree).flatMap(([key, value]) => {
    const known = properties[key];
    const name = `${prefix}${key}`;
    if (known === undefined) return [`${path}: there is no setting '${name}'.`];
    if ((known as SettingSchema).properties === undefined) return [];
    if (isTree(value)) return shapeFaults(value, path, known, `${name}.`);
    return [`${path}: '${name}' is ${JSON.stringify(value)}, and must be a group of settings.`];
  });
}

function valueFault(setting: Setting, value: unknown, source: string): string | null {
  if (value === undefined || Check(setting.schema, value)) return null;
  return `${source} is ${JSON.stringify(value)}, but must be ${allowedValues(setting.schema)}.`;
}

/** The host's short name as a valid instance name. Never random: owner tags must stay the same after a restart. */
function defaultInstance(hostname: string): string {
  const short = hostname.split('.')[0]?.toLowerCase() ?? '';
  const clean = short.replace(/[^a-z0-9-]+/g, '-').slice(0, 32);
  return clean.replace(/^-+|-+$/g, '') || 'devenv';
}

/** Reads and checks all settings. Throws `bad-settings` with every mistake and where it is. */
export function loadSettings(host: HostInfo): Settings {
  const { env, hostname } = host;
  const stateDir = stateDirOf(host);
  const path = env.DEVENV_CONFIG || join(stateDir, 'devenv.yaml');
  const tree = readFile(path, Boolean(env.DEVENV_CONFIG));
  const faults = shapeFaults(tree, path);
  const settings: Tree = { stateDir, starter: null, hostname: null, subnet: null };
  for (const setting of allSettings()) {
    const text = env[setting.env];
    const fromFile = getPath(tree, setting.path);
    const isFromEnv = text !== undefined && text !== '';
    const value = isFromEnv ? fromText(text, setting.schema) : (fromFile ?? undefined);
    const fault = valueFault(setting, value, isFromEnv ? setting.env : `${path}: '${setting.path}'`);
    if (fault !== null) faults.push(fault);
    const effective = value ?? setting.default;
    if (effective !== undefined) setPath(settings, setting.path, effective);
  }
  if (faults.length > 0) throw badSettings(faults, 'these values');
  settings.instance ??= defaultInstance(hostname);
  // Every path of the schema was checked above: the only place where the tree becomes the type.
  return settings as unknown as Settings;
}
