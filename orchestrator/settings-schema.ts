/**
 * Every setting, once: its type, bounds, default, environment variable and explanation. The settings file is
 * this object as YAML; README's table is tested against it.
 */
import { type Static, Type } from 'typebox';

const closed = { additionalProperties: false } as const;

/** A setting: `env` is its variable, `form` says in words what a `pattern` asks for; no `default`: see `config.ts`. */
const Text = (env: string, description: string, options: object = {}) =>
  Type.String({ env, description, minLength: 1, ...options });
const Whole = (env: string, description: string, options: object) =>
  Type.Integer({ env, description, ...options });
const List = (env: string, description: string, options: object = {}) =>
  Type.Array(Type.String({ minLength: 1 }), { env, description, ...options });

const Flag = (env: string, description: string) => Type.Boolean({ env, description, default: false });
/** An id of Cloudflare's: 32 hex digits. */
const Id = (env: string, description: string) =>
  Text(env, description, { pattern: '^[0-9a-fA-F]{32}$', form: 'an id of 32 hex digits' });

/** A port, 0 to 65535. */
const PORT = '(?:6553[0-5]|655[0-2][0-9]|65[0-4][0-9]{2}|6[0-4][0-9]{3}|[1-5]?[0-9]{1,4})';
const SIZE = '^[1-9][0-9]*[kmg]$';

export const SettingsSchema = Type.Object(
  {
    instance: Text('DEVENV_INSTANCE', "This installation's name, part of every mark", {
      pattern: '^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$',
      form: '1 to 32 of a-z, 0-9 and -, not at the ends',
    }),
    listen: Text('DEVENV_LISTEN', "The local edge's address, `host:port`", {
      default: '127.0.0.1:8080',
      pattern: `^(\\[[0-9a-fA-F:]+\\]|[^:\\s]+):${PORT}$`,
      form: 'an address and port like 127.0.0.1:8080',
    }),
    edge: Type.Union([Type.Literal('local'), Type.Literal('cloudflare')], {
      env: 'DEVENV_EDGE',
      description:
        'What makes links real: `local` (a reverse proxy in the daemon) or `cloudflare` (a tunnel)',
      default: 'local',
    }),
    hostname: Text('DEVENV_HOSTNAME', 'Template of the hostnames', {
      pattern: '\\{student\\}',
      form: 'a hostname with {student} in it',
    }),
    watch: List(
      'DEVENV_WATCH',
      'Commands that announce a dev server, by their first words (`*` matches anything)',
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
      Type.String({ pattern: '^[a-z0-9-]+=.*\\S', form: 'NAME=PATTERN, like alice=deno task dev' }),
      {
        env: 'DEVENV_WATCH_FOR',
        description: 'Further such commands of single students, as `NAME=PATTERN`',
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
          'Programs besides sshd whose terminals a person holds, by a part of their path or option (`*`: anything)',
        default: ['ptyHost', '*vscode-server*', '*code-server*', '*cursor-server*'],
      },
    ),
    firstPort: Whole(
      'DEVENV_FIRST_PORT',
      "The first student's `PORT`; the others get the lowest that is free",
      {
        default: 3001,
        minimum: 1024,
        maximum: 32000,
      },
    ),
    links: Whole(
      'DEVENV_LINKS',
      'Links of one student at once: further servers get theirs, like `alice-4000`',
      {
        default: 1,
        minimum: 1,
        maximum: 8,
      },
    ),
    starter: Text('DEVENV_STARTER', 'What stands in a new home: a folder on the host or a git address'),
    base: Type.Union([Type.Literal('auto'), Type.Literal('pull'), Type.Literal('debian')], {
      env: 'DEVENV_BASE',
      description:
        "The student image's base: `pull` it, make it from `debian` packages, or `auto`: pull, else make",
      default: 'auto',
    }),
    allow: List(
      'DEVENV_ALLOW',
      'Private networks that students may reach, as CIDR, each optionally with `:port`',
      { default: [] },
    ),
    resolvers: List('DEVENV_RESOLVERS', "Name servers that students may ask; none: the host's own", {
      default: [],
    }),
    limits: Type.Object(
      {
        memory: Text('DEVENV_LIMITS_MEMORY', 'Memory of one environment', {
          default: '2g',
          pattern: SIZE,
          form: 'a size like 512m or 2g',
        }),
        cpus: Type.Number({
          env: 'DEVENV_LIMITS_CPUS',
          description: 'CPUs of one environment',
          default: 2,
          minimum: 0.1,
          maximum: 512,
        }),
        pids: Whole('DEVENV_LIMITS_PIDS', 'Processes and threads of one environment', {
          default: 512,
          minimum: 64,
          maximum: 65536,
        }),
        files: Whole('DEVENV_LIMITS_FILES', 'Open files of one process', {
          default: 16384,
          minimum: 1024,
          maximum: 1048576,
        }),
      },
      closed,
    ),
    cloudflare: Type.Object(
      {
        tokenFile: Text(
          'CLOUDFLARE_API_TOKEN_FILE',
          'File with the API token; or the token itself in `CLOUDFLARE_API_TOKEN`',
        ),
        accountId: Id('CLOUDFLARE_ACCOUNT_ID', 'The account'),
        tunnelId: Text('CLOUDFLARE_TUNNEL_ID', 'The tunnel, managed at Cloudflare', {
          pattern: '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$',
          form: 'an id like 6ff42ae2-765d-4adf-8112-31c55c1551ef',
        }),
        zoneId: Id('CLOUDFLARE_ZONE_ID', 'The zone whose names the students get'),
        baseUrl: Text('CLOUDFLARE_BASE_URL', 'The API', {
          default: 'https://api.cloudflare.com/client/v4',
          pattern: '^https?://[^\\s/]+',
          form: 'an address that begins with https://',
        }),
        dns: Type.Union([Type.Literal('student'), Type.Literal('session')], {
          env: 'DEVENV_DNS',
          description:
            'How long DNS records live: as long as the `student`, or with the `session` (small quotas)',
          default: 'student',
        }),
        deepHostnames: Flag(
          'DEVENV_DEEP_HOSTNAMES',
          'Allow hostnames more than one level below the zone: you have ordered a certificate for them',
        ),
        budget: Whole(
          'DEVENV_CLOUDFLARE_BUDGET',
          'API calls in 5 minutes, of the 1,200 that Cloudflare allows a user',
          {
            default: 600,
            minimum: 20,
            maximum: 1200,
          },
        ),
        timeout: Type.Number({
          env: 'DEVENV_CLOUDFLARE_TIMEOUT',
          description: 'Seconds an API call may take; one that was given up is waited out for as long again',
          default: 10,
          minimum: 0.1,
          maximum: 300,
        }),
        metrics: Text(
          'DEVENV_CONNECTOR_METRICS',
          "`host:port` of cloudflared's metrics, to know when a link is live",
          {
            pattern: `^[^:\\s]+:${PORT}$`,
            form: 'an address and port like 127.0.0.1:20241',
          },
        ),
      },
      closed,
    ),
    times: Type.Object(
      {
        grace: Whole('DEVENV_GRACE', 'Seconds a link outlives a lost session', {
          default: 30,
          minimum: 0,
          maximum: 3600,
        }),
        starting: Whole('DEVENV_STARTING', 'Seconds a typed command has until something listens', {
          default: 60,
          minimum: 1,
          maximum: 3600,
        }),
        restart: Whole('DEVENV_AGENT_RESTART', 'Seconds of silence after which an agent is started again', {
          default: 10,
          minimum: 1,
          maximum: 3600,
        }),
        dns: Whole(
          'DEVENV_DNS_GRACE',
          "Seconds a session's DNS record outlives its use, with `cloudflare.dns: session`",
          {
            default: 600,
            minimum: 0,
            maximum: 86400,
          },
        ),
        lease: Whole('DEVENV_LEASE', "Seconds of an agent's silence after which its link is closed", {
          default: 30,
          minimum: 1,
          maximum: 3600,
        }),
      },
      closed,
    ),
  },
  closed,
);

type Optional<Whole, Keys extends keyof Whole> = Omit<Whole, Keys> & Partial<Pick<Whole, Keys>>;

/** Settings with every default in place; what has no default may be absent. */
export type Settings = Omit<Static<typeof SettingsSchema>, 'hostname' | 'starter' | 'cloudflare'> & {
  /** Null: the edge's own default. */
  hostname: string | null;
  starter: string | null;
  /** Without defaults: what has none may be absent, as long as the edge is another one. */
  cloudflare: Optional<
    Static<typeof SettingsSchema>['cloudflare'],
    'tokenFile' | 'accountId' | 'tunnelId' | 'zoneId' | 'metrics'
  >;
  /** Where everything of this installation lives: `DEVENV_STATE_DIR`. */
  stateDir: string;
};
