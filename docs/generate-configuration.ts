/** Writes docs/configuration.md from the settings' schema: `npm run docs:configuration`. */
import { writeFileSync } from 'node:fs';
import { allowedValues, allSettings, type Setting } from '../orchestrator/settings.ts';

/** Sections in the page's order: the prefix of their settings, title and introduction. */
const sections: readonly [prefix: string, title: string, text: string][] = [
  ['', 'General', 'Name, links and environments of this installation.'],
  ['limits.', 'Limits', "Limits of each student's environment."],
  ['cloudflare.', 'Cloudflare', 'Needed with `edge: cloudflare`, ignored otherwise.'],
  ['times.', 'Times', 'In seconds.'],
];

/** What devenv reads from the environment only, never from the settings file. */
export const environmentOnly: readonly { env: string; description: string }[] = [
  {
    env: 'DEVENV_STATE_DIR',
    description:
      'Folder for all state of one installation. Default: `/var/lib/devenv` for root, else `devenv` in `$XDG_STATE_HOME` (`~/.local/state`). Installations with different folders are independent',
  },
  {
    env: 'DEVENV_CONFIG',
    description: 'Path of the settings file. Default: `devenv.yaml` in the state folder',
  },
  {
    env: 'DEVENV_NO_INSTALL',
    description: '`1`: never install system packages; devenv prints the command to run instead',
  },
  {
    env: 'CLOUDFLARE_API_TOKEN',
    description: 'The API token itself; it takes precedence over `cloudflare.tokenFile`',
  },
  {
    env: 'DEVENV_QUIET',
    description:
      '`1` in a shell: print no messages there. `devenv shell` and ssh pass it on into the environment',
  },
];

const cell = (text: string) => text.replaceAll('|', '\\|');

function defaultOf({ default: value, withoutDefault }: Setting): string {
  if (value === undefined) return withoutDefault ?? 'none';
  if (!Array.isArray(value)) return `\`${value}\``;
  return value.length === 0 ? 'none' : value.map((each) => `\`${each}\``).join(', ');
}

/** A Markdown table, its columns aligned as the formatter aligns them. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const content = [head, ...rows].map((row) => row.map(cell));
  const widths = head.map((_, column) => Math.max(...content.map((row) => row[column]?.length ?? 0)));
  const [first, ...rest] = content.map((row) => row.map((text, column) => text.padEnd(widths[column] ?? 0)));
  const rule = widths.map((width) => '-'.repeat(width));
  return [first ?? [], rule, ...rest].map((row) => `| ${row.join(' | ')} |`).join('\n');
}

function section([prefix, title, text]: (typeof sections)[number]): string {
  const settings = allSettings().filter(({ path }) => path.slice(0, path.lastIndexOf('.') + 1) === prefix);
  const rows = settings.map((setting) => [
    `\`${setting.path}\``,
    `\`${setting.env}\``,
    allowedValues(setting.schema),
    defaultOf(setting),
    setting.description,
  ]);
  return `## ${title}\n\n${text}\n\n${table(['setting', 'variable', 'value', 'default', 'meaning'], rows)}`;
}

/** The whole page, as Markdown. */
export function configurationPage(): string {
  return `# Configuration

<!-- Generated from orchestrator/settings-schema.ts by \`npm run docs:configuration\`. Do not edit. -->

Set a value in the settings file or in its environment variable; the variable wins. The settings file is
\`devenv.yaml\` in the state folder:

\`\`\`yaml
edge: local
links: 2
watch: [npm run dev, npm start]
limits:
  memory: 1g
\`\`\`

Separate the items of a list with commas in a variable: \`DEVENV_WATCH='npm run dev,npm start'\`. A value that is not valid
stops every command with \`bad-settings\` before anything is changed. Changes apply after \`devenv down\` and \`devenv up\`;
students keep working meanwhile.

${sections.map(section).join('\n\n')}

## Environment variables only

${table(
  ['variable', 'meaning'],
  environmentOnly.map(({ env, description }) => [`\`${env}\``, `${description}.`]),
)}
`;
}

if (import.meta.main) writeFileSync(new URL('configuration.md', import.meta.url), configurationPage());
