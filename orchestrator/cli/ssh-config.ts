import type { AddCommand } from './command.ts';
import type { Context } from './context.ts';
import { print, printJson } from './output.ts';

const launcher = new URL('../../devenv', import.meta.url).pathname;

export const addSshConfig: AddCommand = (program, run) => {
  program
    .command('ssh-config')
    .argument('<name>')
    .description('print the block for ~/.ssh/config that ssh, scp, sftp and VS Code need')
    .addHelpText('after', '\nExample:\n  devenv ssh-config alice >> ~/.ssh/config && ssh devenv-alice')
    .action(
      run(async ({ client, settings, json }: Context, name: string) => {
        await client.get(name);
        const { privateKeyPath } = await import('../environments/index.ts');
        const options = {
          User: 'student',
          ProxyCommand: `env DEVENV_STATE_DIR=${settings.stateDir} ${launcher} connect ${name}`,
          IdentityFile: privateKeyPath(settings.stateDir),
          IdentitiesOnly: 'yes',
          // A student's environment must not use the instructor's keys.
          ForwardAgent: 'no',
          // The pipe connects to that container only, and its host key changes at every start.
          StrictHostKeyChecking: 'no',
          UserKnownHostsFile: '/dev/null',
          LogLevel: 'ERROR',
        };
        if (json) return printJson({ host: `devenv-${name}`, options });
        const lines = Object.entries(options).map(([key, value]) => `  ${key} ${value}`);
        print([`Host devenv-${name}`, ...lines].join('\n'));
      }),
    );
};
