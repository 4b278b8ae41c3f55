import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';

const port = process.env.PORT ?? 3000;

const server = createServer(async (request, response) => {
  if (request.url !== '/') {
    response.writeHead(404, { 'content-type': 'text/plain' }).end('There is nothing here yet.\n');
    return;
  }
  const page = await readFile(new URL('index.html', import.meta.url));
  response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(page);
});

server.listen(port, () => {
  console.log(`Listening on port ${port}. Edit server.js or index.html and reload the page.`);
});
