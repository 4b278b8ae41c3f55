/** Explains to the student why the link shows a port. */
import type { Service } from './messages.ts';

export function selectionReasonText(reason: Service['reason']): string {
  switch (reason) {
    case 'chosen':
      return 'chosen with devenv-port';
    case 'port-variable':
      return 'your PORT';
    case 'watched-command':
      return 'started by your command';
    case 'only-web-server':
      return 'the only web server here';
    case 'first-web-server':
      return 'the first web server here';
    case 'newest-web-server':
      return 'the newest web server here';
  }
}
