/**
 * What a command's file looks like from outside. All of them are loaded for any of them, so what is large (the
 * engine's client, SSH) is imported where it is used: half a command's time and memory, and a class has thirty shells.
 */
import type { Command } from 'commander';
import type { Context } from './context.ts';

/** Runs a command's body with its context. A number it resolves to is the exit code; all else means 0. */
export type Run = (
  body: (context: Context, ...args: never[]) => Promise<unknown>,
) => (...args: unknown[]) => Promise<void>;

export type AddCommand = (program: Command, run: Run) => void;
