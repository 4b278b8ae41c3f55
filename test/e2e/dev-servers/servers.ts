/** The rows of the dev-server matrix. To add one, add an entry here and a project in test/fixtures. */

export interface HotReload {
  /** The path of its WebSocket. A function finds it in the page or script `pathIn`, for paths that contain a token. */
  socket: { path: string | ((source: string) => string); pathIn?: string; protocol?: string };
  /** The first message on the socket. */
  greeting: RegExp;
  /** A file that is requested first, because the server reloads only files that a browser has loaded. */
  loadedFirst?: string;
  /** What causes an update: a change to a file of the project, or a message on the socket. */
  trigger: { kind: 'edit'; file: string; from: string; to: string } | { kind: 'send'; message: string };
  /** The message that announces the update. */
  update: RegExp;
}

export interface Post {
  path?: string;
  /** The form's fields; `page` is the page, in which some servers put fields of their own. */
  fields: (page: string) => Record<string, string>;
  encoding: 'urlencoded' | 'multipart';
  /** The expected status, and an expression for the body or the `Location` header. */
  status: number;
  answer: RegExp;
  /** The expected status for a foreign `Origin`, if the server checks origins. */
  foreignStatus?: number;
}

export interface DevServer {
  name: string;
  /** Its folder in test/fixtures. */
  fixture: string;
  /** The package whose version is shown. */
  package: string;
  command: string;
  /** The server's default port; `PORT` if it uses the environment variable. */
  port: number | 'PORT';
  /** A part of the page. */
  page: string;
  hotReload: HotReload | null;
  post: Post | null;
}

const viteSocket: HotReload['socket'] = {
  pathIn: '/@vite/client',
  path: (client) => `/?token=${client.match(/wsToken = "([^"]+)"/)?.[1]}`,
  protocol: 'vite-hmr',
};
const vite = (file: string, from: string, more: Partial<HotReload> = {}): HotReload => ({
  socket: viteSocket,
  greeting: /"connected"/,
  trigger: { kind: 'edit', file, from, to: 'changed' },
  update: /"full-reload"|"update"|component-update/,
  ...more,
});
const nameField = () => ({ name: 'ada' });

// biome-ignore format: one row per server
export const devServers: readonly DevServer[] = [
  { name: 'Next', fixture: 'next', package: 'next', command: 'npm run dev', port: 'PORT', page: 'next fixture',
    hotReload: { socket: { pathIn: '/', path: (page) => `/_next/hmr?id=${page.match(/__next_r="([^"]+)"/)?.[1]}` }, greeting: /./, trigger: { kind: 'edit', file: 'app/page.js', from: 'next fixture', to: 'changed' }, update: /./ },
    post: { fields: (page) => ({ [page.match(/\$ACTION_ID_[0-9a-f]+/)?.[0] ?? 'none']: '', name: 'ada' }), encoding: 'multipart', status: 303, answer: /\?name=ada/, foreignStatus: 500 } },
  { name: 'Angular CLI', fixture: 'angular', package: '@angular/cli', command: 'npm start', port: 'PORT', page: '<app-root>',
    hotReload: vite('src/main.ts', 'angular component', { loadedFirst: '/main.js' }), post: null },
  { name: 'SvelteKit', fixture: 'sveltekit', package: '@sveltejs/kit', command: 'npm run dev', port: 5173, page: 'sveltekit fixture',
    hotReload: vite('src/routes/+page.svelte', 'sveltekit fixture', { loadedFirst: '/src/routes/+page.svelte' }),
    post: { fields: nameField, encoding: 'urlencoded', status: 200, answer: /hello ada/ } },
  { name: 'Astro', fixture: 'astro', package: 'astro', command: 'npm run dev', port: 4321, page: 'astro fixture',
    hotReload: vite('src/pages/index.astro', 'astro fixture'),
    post: { path: '/form', fields: nameField, encoding: 'urlencoded', status: 200, answer: /"name":"ada"/, foreignStatus: 403 } },
  { name: 'webpack-dev-server', fixture: 'webpack', package: 'webpack-dev-server', command: 'npm run dev', port: 8080, page: 'webpack fixture',
    hotReload: { socket: { path: '/ws' }, greeting: /"hot"/, trigger: { kind: 'edit', file: 'src/index.js', from: 'webpack module', to: 'changed' }, update: /"invalid"/ }, post: null },
  { name: 'Vite', fixture: 'vite', package: 'vite', command: 'npm run dev', port: 5173, page: 'vite fixture',
    hotReload: vite('index.html', 'vite fixture'), post: null },
  { name: 'Vite, HTTPS', fixture: 'vite-https', package: 'vite', command: 'npm run dev', port: 5173, page: 'vite-https fixture',
    hotReload: vite('index.html', 'vite-https fixture'), post: null },
  { name: 'Express', fixture: 'express', package: 'express', command: 'npm run dev', port: 'PORT', page: 'express fixture',
    hotReload: { socket: { path: '/socket' }, greeting: /^http:\/\/localhost:\d+$/, trigger: { kind: 'send', message: 'hello' }, update: /^echo hello$/ },
    post: { path: '/form', fields: nameField, encoding: 'urlencoded', status: 200, answer: /"name":"ada"/ } },
  { name: 'http-server', fixture: 'http-server', package: 'http-server', command: 'npm run dev', port: 'PORT', page: 'http-server fixture',
    hotReload: null, post: null },
];
