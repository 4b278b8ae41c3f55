/** The agent's process, as `images/student/agent.sh` starts it. */
import { Agent } from './agent.ts';
import { environmentPaths } from './paths.ts';

const messageOf = (error: unknown) => (error instanceof Error ? error.message : error);

// One failure must not end the agent: the next poll or report may work.
process.on('uncaughtException', (error) => console.error('agent:', messageOf(error)));
process.on('unhandledRejection', (error) => console.error('agent:', messageOf(error)));

new Agent(environmentPaths, process.env).start();
