import type { StudentImage } from '../domain.ts';
import type { AddCommand } from './command.ts';
import type { Context } from './context.ts';
import { ensureDaemon } from './daemon-process.ts';
import { describeOutdated } from './list.ts';
import { print, printJson } from './output.ts';

const describeImage = ({ name, base }: StudentImage) => `The student image is now ${name} (base ${base}).`;

export const addUpdate: AddCommand = (program, run) => {
  program
    .command('update')
    .description(
      'rebuild the student image with the newest packages; environments get it at their next start',
    )
    .addHelpText(
      'after',
      `
Pulls Debian's image again, or builds it from Debian packages where no registry answers. Takes about 2 minutes.
Students work on meanwhile, and new environments get the old image until the new one is complete. Ctrl-C keeps the
old one. \`devenv doctor\` reports the image's age.`,
    )
    .action(
      run(async ({ client, settings, progress, signal, json }: Context) => {
        await ensureDaemon(client, settings, progress, signal);
        const image = await client.update(progress, signal);
        const students = await client.list();
        progress.stop();
        if (json) {
          const outdated = students.filter(({ environment }) => environment.outdated).map(({ name }) => name);
          return printJson({ ...image, outdated });
        }
        print([describeImage(image), describeOutdated(students)].filter((line) => line !== null).join('\n'));
      }),
    );
};
