/** Observes the environment: sessions, listeners, the selected service, and commands that are starting. */
import { PROTOCOL_VERSION } from '../../orchestrator/protocol/constants.ts';
import type { Listener, Report, Service } from '../../orchestrator/protocol/messages.ts';
import { isAdminListener } from './admin-ports.ts';
import type { Choice } from './chosen-port.ts';
import { debuggerSign } from './debugger-signs.ts';
import { HomeObserver } from './home-usage.ts';
import { knownProtocol } from './known-servers.ts';
import { ListenerClassifier } from './listener-classifier.ts';
import { ListenerFinder, type ListeningPort, reachableAddress } from './listeners.ts';
import type { EnvironmentPaths } from './paths.ts';
import { ProcessTable } from './process-table.ts';
import { ProcessVisibility } from './process-visibility.ts';
import { SessionEndTracker } from './session-ends.ts';
import { type Pane, SessionFinder, type Terminal } from './sessions.ts';
import { readShellRecords, type ShellRecord } from './shell-records.ts';
import { ShownService } from './shown-service.ts';
import { StartingCommandFinder } from './starting-commands.ts';

/** Limits of the report. */
const MAX_SESSIONS = 64;
const MAX_LISTENERS = 64;
const MAX_COMMAND_LENGTH = 200;

export interface Observation {
  report: Omit<Report, 'lastShownNoticeId'>;
  /** The sessions' terminals, oldest first. */
  terminals: Terminal[];
  panes: Pane[];
  shells: ShellRecord[];
  table: ProcessTable;
}

export interface ObserverOptions {
  paths: EnvironmentPaths;
  ownPid: number;
  /** The environment's fixed PORT. */
  portVariable: number;
  /** Command patterns from the settings. */
  watchedCommands(): readonly string[];
  /** Programs besides sshd whose terminals count as sessions. */
  sessionHolders(): readonly string[];
  /** The port that the student has chosen; null for none. */
  choice(): Choice | null;
  /** The limit of a home that is a folder; null while it is not known. */
  homeLimitBytes(): number | null;
  /** Called when something was found between two observations. */
  onChange(): void;
}

/** The pids of these processes and of those that they depend on, and of the agent's own child processes. */
function protectedFrom(table: ProcessTable, pids: readonly number[], ownPid: number): Set<number> {
  const all = new Set(pids.flatMap((pid) => table.lineage(pid).map((each) => each.pid)));
  for (const { pid } of table.all.values())
    if (table.lineage(pid).some((ancestor) => ancestor.pid === ownPid)) all.add(pid);
  return all;
}

export class Observer {
  readonly #options: ObserverOptions;
  readonly #sessions = new SessionFinder();
  readonly #sessionEnds = new SessionEndTracker();
  readonly #startingCommands = new StartingCommandFinder();
  readonly #visibility: ProcessVisibility;
  readonly #listeners: ListenerFinder;
  readonly #classifier: ListenerClassifier;
  readonly #home: HomeObserver;
  readonly #shownService = new ShownService();

  constructor(options: ObserverOptions) {
    const { paths, portVariable, onChange } = options;
    this.#options = options;
    this.#visibility = new ProcessVisibility({ file: `${paths.run}/agent.started`, portVariable });
    this.#listeners = new ListenerFinder(paths.proc, paths.relayPort);
    this.#classifier = new ListenerClassifier(onChange);
    this.#home = new HomeObserver({ ...paths, onChange });
  }

  observe(): Observation {
    const { paths, ownPid, sessionHolders, watchedCommands } = this.#options;
    const table = new ProcessTable(paths.proc);
    const { living, ended } = readShellRecords(paths.run, table);
    const { sessions: terminals, panes } = this.#sessions.find(table, sessionHolders());
    const lastSessionEnd = this.#sessionEnds.update(terminals, [...living, ...ended]);
    const isPublic = this.#visibility.update(table, living, ended);
    const { starting, isWatched } = this.#startingCommands.find({
      table,
      shells: living,
      patterns: watchedCommands(),
      isPublic,
    });
    const { listeners, service } = this.#findService(table, isPublic, isWatched);
    const portVariableOf = (pid: number) => living.find((shell) => shell.pid === pid)?.portVariable ?? 'ok';
    const homeLimitBytes = this.#options.homeLimitBytes();
    const kept = [
      ownPid,
      ...[...terminals, ...panes].map(({ leader }) => leader.pid),
      ...living.map(({ pid }) => pid),
    ];
    this.#home.enforce(table, homeLimitBytes, () => protectedFrom(table, kept, ownPid));
    const report: Observation['report'] = {
      kind: 'report',
      protocol: PROTOCOL_VERSION,
      sessions: terminals.slice(-MAX_SESSIONS).map(({ leader, number }) => ({
        id: leader.id,
        terminal: `/dev/pts/${number}`,
        ageSeconds: table.ageSeconds(leader),
        portVariable: portVariableOf(leader.pid),
      })),
      listeners: listeners.slice(0, MAX_LISTENERS),
      starting,
      service,
      lastSessionEnd,
      home: this.#home.observe(homeLimitBytes),
    };
    return { report, terminals, panes, shells: living, table };
  }

  #findService(
    table: ProcessTable,
    isPublic: (pid: number | null) => boolean,
    isWatched: (pid: number) => boolean,
  ): { listeners: Listener[]; service: Service | null } {
    const found = this.#listeners.find(table, this.#options.ownPid);
    this.#classifier.retainOnly(new Set(found.map((each) => each.id)));
    const candidates = found.map((each) => {
      const { port, addresses, process } = each;
      const words = process === null ? [] : table.command(process.pid);
      return {
        port,
        addresses,
        process,
        command: words.join(' ').slice(0, MAX_COMMAND_LENGTH),
        address: reachableAddress(addresses),
        ...this.#classify(each, words, table),
        isPublic: isPublic(process?.pid ?? null),
        isWatched: process !== null && isWatched(process.pid),
        ageSeconds: process === null ? 0 : table.ageSeconds(process),
        isProcessKnown: process !== null,
      };
    });
    const listeners = candidates.map(
      ({ port, addresses, process, command, speaks, purpose, isPublic }): Listener => {
        return { port, addresses, process: process?.id ?? null, command, speaks, purpose, isPublic };
      },
    );
    const { portVariable, choice } = this.#options;
    return { listeners, service: this.#shownService.select(candidates, portVariable, choice()) };
  }

  #classify(
    { id, port, addresses, process }: ListeningPort,
    words: readonly string[],
    table: ProcessTable,
  ): Pick<Listener, 'speaks' | 'purpose'> {
    const { speaks, isDebugger } = this.#classifier.classify({
      id,
      address: reachableAddress(addresses),
      port,
      debuggerSign: () => {
        if (process === null) return debuggerSign(null, port);
        const variable = (name: string) => table.variable(process.pid, name);
        return debuggerSign({ name: process.name, words, variable }, port);
      },
      knownProtocol: () => knownProtocol(words, port),
    });
    if (isDebugger !== false) return { speaks, purpose: isDebugger ? 'debugger' : null };
    return { speaks, purpose: isAdminListener(port, words) ? 'admin' : 'page' };
  }

  /** Whether a port still belongs to the listener of the last observation. */
  isUnchanged(port: number): boolean {
    return this.#listeners.isUnchanged(port);
  }
}
