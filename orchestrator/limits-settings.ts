/** The settings of `limits`: what one student's environment may use, so that the others keep working. */
import { Type } from 'typebox';
import { closed, Text, Whole } from './settings-fields.ts';

/** Pattern of a size: a number with its unit. */
const SIZE = '^[1-9][0-9]*[kmg]$';

export const LimitsSettings = Type.Object(
  {
    memory: Text('DEVENV_LIMITS_MEMORY', 'Memory limit of one environment', {
      default: '2g',
      pattern: SIZE,
      form: 'a size like 512m or 2g',
    }),
    cpus: Type.Number({
      env: 'DEVENV_LIMITS_CPUS',
      description: 'CPU limit of one environment',
      default: 2,
      minimum: 0.1,
      maximum: 512,
    }),
    home: Text(
      'DEVENV_LIMITS_HOME',
      "Size of each student's home; a higher one applies to all homes when the orchestrator is restarted (`devenv down; devenv up`), a lower one to new homes only",
      {
        default: '5g',
        pattern: '^(?:[1-9][0-9]*g|[1-9][0-9]{2,}m)$',
        form: 'a size of at least 100m, like 800m or 5g',
      },
    ),
    pids: Whole('DEVENV_LIMITS_PIDS', 'Most processes and threads in one environment', {
      default: 512,
      minimum: 64,
      maximum: 65536,
    }),
    files: Whole('DEVENV_LIMITS_FILES', 'Most open files of one process', {
      default: 16384,
      minimum: 1024,
      maximum: 1048576,
    }),
    terminals: Whole('DEVENV_LIMITS_TERMINALS', 'Most pseudo-terminals of one environment', {
      default: 64,
      minimum: 8,
      maximum: 4096,
    }),
    diskBandwidth: Text(
      'DEVENV_LIMITS_DISK_BANDWIDTH',
      'Bytes per second that one environment may read from the disk of the homes, and as many that it may write',
      {
        default: '50m',
        pattern: SIZE,
        form: 'a size like 500k or 50m',
      },
    ),
    diskOperations: Whole(
      'DEVENV_LIMITS_DISK_OPERATIONS',
      'Operations per second of one environment on that disk: reads, and as many writes',
      {
        default: 1000,
        minimum: 20,
        maximum: 1_000_000,
      },
    ),
    connections: Whole(
      'DEVENV_LIMITS_CONNECTIONS',
      'Most connections of one student to the internet at a time, UDP included',
      {
        default: 2000,
        minimum: 100,
        maximum: 100_000,
      },
    ),
    newConnections: Whole(
      'DEVENV_LIMITS_NEW_CONNECTIONS',
      'Connections that one student may open each second in the long run; a burst may be as large as `connections`',
      {
        default: 50,
        minimum: 5,
        maximum: 10_000,
      },
    ),
    bandwidth: Text(
      'DEVENV_LIMITS_BANDWIDTH',
      'Bytes per second that one student may send, and as many that they may receive; visitors of their link included',
      {
        default: '20m',
        pattern: '^(?:[1-9][0-9]{2,4}k|[1-9][0-9]{0,3}m)$',
        form: 'a size like 500k or 20m, at least 100k',
      },
    ),
  },
  closed,
);

const UNITS = { k: 2 ** 10, m: 2 ** 20, g: 2 ** 30 } as const;

/** The bytes of a size like `2g`. The settings' schema has checked the form. */
export function sizeInBytes(size: string): number {
  const unit = size.at(-1);
  return unit === 'k' || unit === 'm' || unit === 'g'
    ? Number(size.slice(0, -1)) * UNITS[unit]
    : Number(size);
}
