/** The rows of the dev-server matrix: adding one is adding a line here and a project in test/fixtures. */

export interface HotReload {
  /** Path of its WebSocket; `found` is the page or script named by `in`, which may hold a token. */
  socket: { path: string | ((found: string) => string); in?: string; protocol?: string };
  greeting: RegExp;
  /** What of the project is asked for first, as a browser would: only what it knows is reloaded. */
  ask?: string;
  /** The change in the project, or what the visitor says, and the message that follows. */
  change: { file: string; from: string; to: string } | { say: string };
  news: RegExp;
}

export interface Post {
  path?: string;
  /** Fields, from the page where the server puts some of its own there. */
  fields: (page: string) => Record<string, string>;
  encoding: 'urlencoded' | 'multipart';
  /** What is answered: the status, and body or `Location`. */
  status: number;
  answer: RegExp;
  /** The status for a foreign `Origin`, where the server checks that by itself. */
  foreign?: number;
}

export interface DevServer {
  name: string;
  /** Its folder in test/fixtures, and the package whose version is told. */
  fixture: string;
  package: string;
  command: string;
  /** The port that it takes by itself; `PORT` where it honours that. */
  port: number | 'PORT';
  page: string;
  hotReload: HotReload | null;
  post: Post | null;
}

const viteSocket: HotReload['socket'] = {
  in: '/@vite/client',
  path: (client) => `/?token=${client.match(/wsToken = "([^"]+)"/)?.[1]}`,
  protocol: 'vite-hmr',
};
const vite = (file: string, from: string, more: Partial<HotReload> = {}): HotReload => ({
  socket: viteSocket,
  greeting: /"connected"/,
  change: { file, from, to: 'changed' },
  news: /"full-reload"|"update"|component-update/,
  ...more,
});
const name = () => ({ name: 'ada' });

// biome-ignore format: a row a server
export const devServers: readonly DevServer[] = [
  { name: 'Next', fixture: 'next', package: 'next', command: 'npm run dev', port: 'PORT', page: 'next fixture',
    hotReload: { socket: { in: '/', path: (page) => `/_next/hmr?id=${page.match(/__next_r="([^"]+)"/)?.[1]}` }, greeting: /./, change: { file: 'app/page.js', from: 'next fixture', to: 'changed' }, news: /./ },
    post: { fields: (page) => ({ [page.match(/\$ACTION_ID_[0-9a-f]+/)?.[0] ?? 'none']: '', name: 'ada' }), encoding: 'multipart', status: 303, answer: /\?name=ada/, foreign: 500 } },
  { name: 'Angular CLI', fixture: 'angular', package: '@angular/cli', command: 'npm start', port: 'PORT', page: '<app-root>',
    hotReload: vite('src/main.ts', 'angular component', { ask: '/main.js' }), post: null },
  { name: 'SvelteKit', fixture: 'sveltekit', package: '@sveltejs/kit', command: 'npm run dev', port: 5173, page: 'sveltekit fixture',
    hotReload: vite('src/routes/+page.svelte', 'sveltekit fixture', { ask: '/src/routes/+page.svelte' }),
    post: { fields: name, encoding: 'urlencoded', status: 200, answer: /hello ada/ } },
  { name: 'Astro', fixture: 'astro', package: 'astro', command: 'npm run dev', port: 4321, page: 'astro fixture',
    hotReload: vite('src/pages/index.astro', 'astro fixture'),
    post: { path: '/form', fields: name, encoding: 'urlencoded', status: 200, answer: /"name":"ada"/, foreign: 403 } },
  { name: 'webpack-dev-server', fixture: 'webpack', package: 'webpack-dev-server', command: 'npm run dev', port: 8080, page: 'webpack fixture',
    hotReload: { socket: { path: '/ws' }, greeting: /"hot"/, change: { file: 'src/index.js', from: 'webpack module', to: 'changed' }, news: /"invalid"/ }, post: null },
  { name: 'Vite', fixture: 'vite', package: 'vite', command: 'npm run dev', port: 5173, page: 'vite fixture',
    hotReload: vite('index.html', 'vite fixture'), post: null },
  { name: 'Vite, HTTPS', fixture: 'vite-https', package: 'vite', command: 'npm run dev', port: 5173, page: 'vite-https fixture',
    hotReload: vite('index.html', 'vite-https fixture'), post: null },
  { name: 'Express', fixture: 'express', package: 'express', command: 'npm run dev', port: 'PORT', page: 'express fixture',
    hotReload: { socket: { path: '/socket' }, greeting: /^http:\/\/localhost:\d+$/, change: { say: 'hello' }, news: /^echo hello$/ },
    post: { path: '/form', fields: name, encoding: 'urlencoded', status: 200, answer: /"name":"ada"/ } },
  { name: 'http-server', fixture: 'http-server', package: 'http-server', command: 'npm run dev', port: 'PORT', page: 'http-server fixture',
    hotReload: null, post: null },
];
