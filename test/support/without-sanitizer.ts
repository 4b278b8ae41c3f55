/**
 * Switches off what makes the texts of containers harmless, in the process that loads this file first and in those that
 * it starts. For `NODE_OPTIONS`, in probes that show what happens without it.
 */
import module from 'node:module';

const SANITIZER = '/orchestrator/protocol/printable-text.ts';

const UNCHANGED = ['printableLine', 'printableLines', 'printableJson']
  .map((name) => `export const ${name} = (text) => text;`)
  .join('\n');

module.registerHooks({
  load: (url, context, nextLoad) =>
    url.endsWith(SANITIZER)
      ? { format: 'module', source: UNCHANGED, shortCircuit: true }
      : nextLoad(url, context),
});
