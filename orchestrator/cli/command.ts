/**
 * The shape of a command's module. Every command loads all of these modules, so each imports what is large (Docker
 * client, SSH) only where it is used: that halves a command's time and memory, and a class has thirty shells.
 */
import type { Command } from 'commander';
import type { Context } from './context.ts';

/** Wraps a command's body: opens its context and reports its errors. A number that the body returns is the exit code. */
export type Run = (
  body: (context: Context, ...args: never[]) => Promise<unknown>,
) => (...args: unknown[]) => Promise<void>;

export type AddCommand = (program: Command, run: Run) => void;
