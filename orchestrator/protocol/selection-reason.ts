/** Why the link leads to a port, in a student's words. */
import type { Service } from './messages.ts';

export function selectionReasonText(because: Service['because']): string {
  switch (because) {
    case 'chosen':
      return 'your choice by devenv-port';
    case 'PORT':
      return 'it is your $PORT';
    case 'command':
      return 'what your command started';
    case 'answers':
      return 'the only web server here';
    case 'newest':
      return 'the newest web server here';
  }
}
