// A student's server that says whose it is and since when, so that a page of another one is never taken for it.
// AS: the port that it takes whatever PORT says, as some dev servers do.
import { createServer } from 'node:http';

const started = Date.now();
const port = process.env.AS ?? process.env.PORT ?? 3000;
createServer((_request, response) =>
  response.end(`app of ${process.env.DEVENV_STUDENT} on ${port}, started ${started}\n`),
).listen(port, () => console.log(`Listening on port ${port}`));
