/** What every command works with: settings, API client and progress. */
import { homedir, hostname } from 'node:os';
import { join } from 'node:path';
import { ApiClient } from '../api/client.ts';
import { loadSettings } from '../settings.ts';
import type { Settings } from '../settings-schema.ts';
import { type CommandProgress, openProgress } from './output.ts';

export interface Context {
  settings: Settings;
  client: ApiClient;
  json: boolean;
  progress: CommandProgress;
  /** Aborted by the first Ctrl-C. Only for commands that undo their work: reading it replaces the default, which ends the process. */
  readonly signal: AbortSignal;
}

/** The settings of this host, user and environment. `listen` overrides DEVENV_LISTEN. Throws `bad-settings`. */
export function settingsHere(listen?: string): Settings {
  return loadSettings({
    env: listen === undefined ? process.env : { ...process.env, DEVENV_LISTEN: listen },
    hostname: hostname(),
    uid: process.getuid?.() ?? 0,
    home: homedir(),
  });
}

/** Throws `bad-settings`. */
export function openContext(json: boolean, cancelOnInterrupt: () => AbortSignal): Context {
  const settings = settingsHere();
  const client = new ApiClient(join(settings.stateDir, 'api.sock'));
  let signal: AbortSignal | null = null;
  return {
    settings,
    client,
    json,
    progress: openProgress(json),
    get signal() {
      signal ??= cancelOnInterrupt();
      return signal;
    },
  };
}
