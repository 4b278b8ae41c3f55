/**
 * Every setting, defined once: type, bounds, default, environment variable and description. The settings file is this
 * object as YAML. docs/configuration.md is generated from here (`npm run docs:configuration`).
 */
import { type Static, Type } from 'typebox';
import { CloudflareSettings } from './cloudflare-settings.ts';
import { LimitsSettings } from './limits-settings.ts';
import { closed, Flag, List, PORT, Text, Whole } from './settings-fields.ts';

export const SettingsSchema = Type.Object(
  {
    instance: Text(
      'DEVENV_INSTANCE',
      "Name of this installation; part of every owner tag and of the containers' labels",
      {
        withoutDefault: "the host's short name",
        pattern: '^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$',
        form: '1 to 32 of a-z, 0-9 and -, not at the ends',
      },
    ),
    listen: Text('DEVENV_LISTEN', 'Address of the local edge, as `host:port`', {
      default: '127.0.0.1:8080',
      pattern: `^(\\[[0-9a-fA-F:]+\\]|[^:\\s]+):${PORT}$`,
      form: 'an address and port like 127.0.0.1:8080',
    }),
    edge: Type.Union([Type.Literal('local'), Type.Literal('cloudflare')], {
      env: 'DEVENV_EDGE',
      description:
        'What serves the links: `local` (a reverse proxy on this host) or `cloudflare` (a Cloudflare tunnel)',
      default: 'local',
    }),
    hostname: Text('DEVENV_HOSTNAME', 'Template of the hostnames; `{student}` is replaced by the name', {
      withoutDefault: '`{student}.localhost`; on Cloudflare `{student}.<zone>`',
      pattern: '\\{student\\}',
      form: 'a hostname with {student} in it',
    }),
    watch: List(
      'DEVENV_WATCH',
      'Commands that start a dev server, by their first words (`*` matches anything): typing one opens the link',
      {
        default: [
          'npm run dev',
          'npm start',
          'npm run start',
          'npm run serve',
          'yarn dev',
          'yarn start',
          'pnpm dev',
          'pnpm run dev',
          'pnpm start',
          'npx vite',
          'npx next',
          'npx astro',
          'npx ng serve',
          'node server.js',
          'python3 -m http.server',
        ],
      },
    ),
    watchFor: Type.Array(
      Type.String({ pattern: '^[a-z0-9-]+=.*\\S', form: 'entries like alice=deno task dev' }),
      {
        env: 'DEVENV_WATCH_FOR',
        description: 'Additional `watch` commands for single students, as `NAME=PATTERN`',
        default: [],
      },
    ),
    sessionHolders: Type.Array(
      Type.String({
        pattern: '^[^\\s/=]*[a-zA-Z0-9][^\\s/=]*$',
        form: 'names of programs like ttyd or jupyter*, without blanks, / and =',
      }),
      {
        env: 'DEVENV_SESSION_HOLDERS',
        description:
          'Programs besides sshd that keep a session alive, by one part of their path or one option (`*` matches anything)',
        default: ['ptyHost', '*vscode-server*', '*code-server*', '*cursor-server*'],
      },
    ),
    firstPort: Whole(
      'DEVENV_FIRST_PORT',
      "The first student's `PORT`; each further student gets the lowest free port above it",
      {
        default: 3001,
        minimum: 1024,
        maximum: 32000,
      },
    ),
    firstUid: Whole(
      'DEVENV_FIRST_UID',
      "The first student's uid and gid on the host; each further student gets the lowest free one above it. Accounts of the host are left out",
      {
        default: 20000,
        minimum: 1024,
        maximum: 2000000000,
      },
    ),
    links: Whole(
      'DEVENV_LINKS',
      'Most links of one student at a time: with 2 or more, additional servers get links like `alice-4000`',
      {
        default: 1,
        minimum: 1,
        maximum: 8,
      },
    ),
    starter: Text('DEVENV_STARTER', 'Initial content of a new home: a folder on the host or a git URL', {
      withoutDefault: 'the built-in `hello/`',
    }),
    base: Type.Union([Type.Literal('auto'), Type.Literal('pull'), Type.Literal('debian')], {
      env: 'DEVENV_BASE',
      description:
        'Base of the student image: `pull` it, build it from `debian` packages, or `auto`: pull, else build',
      default: 'auto',
    }),
    subnet: Text(
      'DEVENV_SUBNET',
      "IPv4 network of the students' bridge, one address for each student; used when the bridge is created",
      {
        withoutDefault: 'a free `/24` (253 students)',
        pattern:
          '^(?:(?:25[0-5]|2[0-4][0-9]|1?[0-9]{1,2})\\.){3}(?:25[0-5]|2[0-4][0-9]|1?[0-9]{1,2})/(?:1[6-9]|2[0-8])$',
        form: 'a network like 10.200.0.0/24, from /16 to /28',
      },
    ),
    allow: List(
      'DEVENV_ALLOW',
      'Private networks that students may reach, as CIDR, each with an optional `:port`',
      { default: [] },
    ),
    deny: List(
      'DEVENV_DENY',
      'Networks that students may not reach even if they are public, as CIDR, each with an optional `:port`; where `allow` contains the same address, the narrower network decides',
      { default: [] },
    ),
    allowMail: Flag(
      'DEVENV_ALLOW_MAIL',
      'Let students reach port 25 of mail servers; single ones can be in `allow`, as `ADDRESS:25`',
    ),
    egress: Type.Union([Type.Literal('internet'), Type.Literal('none')], {
      env: 'DEVENV_EGRESS',
      description:
        'What students reach: the `internet`, or `none` as in an exam; `devenv egress` switches it while they work',
      default: 'internet',
    }),
    resolvers: List(
      'DEVENV_RESOLVERS',
      'Name servers of the environments, as IPv4 addresses; none: those of the host',
      {
        default: [],
      },
    ),
    limits: LimitsSettings,
    cloudflare: CloudflareSettings,
    times: Type.Object(
      {
        grace: Whole('DEVENV_GRACE', 'Seconds a link stays open after the last session was lost', {
          default: 30,
          minimum: 0,
          maximum: 3600,
        }),
        starting: Whole(
          'DEVENV_STARTING',
          'Seconds a typed `watch` command has until a server listens; the link is closed then',
          {
            default: 60,
            minimum: 1,
            maximum: 3600,
          },
        ),
        restart: Whole('DEVENV_AGENT_RESTART', 'Seconds without a report after which an agent is restarted', {
          default: 10,
          minimum: 1,
          maximum: 3600,
        }),
        dns: Whole(
          'DEVENV_DNS_GRACE',
          'Seconds a DNS record stays after its link has closed, with `cloudflare.dns: session`',
          {
            default: 600,
            minimum: 0,
            maximum: 86400,
          },
        ),
        lease: Whole(
          'DEVENV_LEASE',
          'Seconds without a report from an agent after which its link is closed',
          {
            default: 30,
            minimum: 1,
            maximum: 3600,
          },
        ),
      },
      closed,
    ),
  },
  closed,
);

type Optional<Whole, Keys extends keyof Whole> = Omit<Whole, Keys> & Partial<Pick<Whole, Keys>>;

/** The settings with every default applied. Settings without a default may be absent. */
export type Settings = Omit<
  Static<typeof SettingsSchema>,
  'hostname' | 'starter' | 'subnet' | 'cloudflare'
> & {
  /** Null: the default of the edge. */
  hostname: string | null;
  starter: string | null;
  subnet: string | null;
  /** Ids, token and metrics have no default: they may be absent while the edge is another one. */
  cloudflare: Optional<
    Static<typeof SettingsSchema>['cloudflare'],
    'tokenFile' | 'accountId' | 'tunnelId' | 'zoneId' | 'metrics'
  >;
  /** Folder for all state of this installation: `DEVENV_STATE_DIR`. */
  stateDir: string;
};
