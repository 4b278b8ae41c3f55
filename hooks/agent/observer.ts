/** Looks at the environment and says what is so: sessions, listeners, service, what is starting. */
import { PROTOCOL_VERSION } from '../../orchestrator/protocol/constants.ts';
import type { Listener, Report, Service, SessionEnd } from '../../orchestrator/protocol/messages.ts';
import { ListenerFinder, reachableAddress } from './listeners.ts';
import type { EnvironmentPaths } from './paths.ts';
import { ProcessTable } from './process-table.ts';
import { ProcessVisibility } from './process-visibility.ts';
import { ProtocolProber } from './protocol-probe.ts';
import { chooseService } from './service-selection.ts';
import { type Pane, SessionFinder, type Terminal } from './sessions.ts';
import { readShellRecords, type ShellRecord } from './shell-records.ts';
import { StartFinder } from './starting-commands.ts';

export interface Observation {
  report: Omit<Report, 'lastShownNoticeId'>;
  terminals: Terminal[];
  panes: Pane[];
  shells: ShellRecord[];
  table: ProcessTable;
}

export interface ObserverOptions {
  places: EnvironmentPaths;
  ownPid: number;
  /** The environment's fixed PORT. */
  port: number;
  watch(): readonly string[];
  /** Programs besides sshd whose terminals a person holds. */
  sessionHolders(): readonly string[];
  /** The port that the student has chosen; null for none. */
  chosen(): number | null;
  /** Something was found out in between: look again. */
  onNews(): void;
}

export class Observer {
  readonly #options: ObserverOptions;
  readonly #sessions = new SessionFinder();
  readonly #starts = new StartFinder();
  readonly #privacy: ProcessVisibility;
  readonly #listeners: ListenerFinder;
  readonly #prober: ProtocolProber;
  /** Sessions at the last look, and how those ended whose hooks have told. */
  #last = new Map<string, Terminal>();
  #lastSessionEnd: { kind: SessionEnd['kind']; at: number } | null = null;
  readonly #ended = new Map<string, ShellRecord['phase']>();

  constructor(options: ObserverOptions) {
    this.#options = options;
    this.#privacy = new ProcessVisibility({
      file: `${options.places.run}/agent.started`,
      port: options.port,
    });
    this.#listeners = new ListenerFinder(options.places.proc, options.places.relayPort);
    this.#prober = new ProtocolProber(options.onNews);
  }

  look(): Observation {
    const { places } = this.#options;
    const table = new ProcessTable(places.proc);
    const { living, ended } = readShellRecords(places.run, table);
    const { sessions: terminals, panes } = this.#sessions.find(table, this.#options.sessionHolders());
    this.#followEnds(terminals, living, ended);
    const isPublic = this.#privacy.follow(table, living, ended);
    const { starting, watched } = this.#starts.find({
      table,
      shells: living,
      patterns: this.#options.watch(),
      isPublic,
    });
    const { listeners, service } = this.#findService(table, { isPublic, watched });
    const portOf = (pid: number) => living.find((shell) => shell.pid === pid)?.port ?? 'ok';
    const report: Observation['report'] = {
      kind: 'report',
      protocol: PROTOCOL_VERSION,
      sessions: terminals.slice(-64).map(({ leader, number }) => ({
        id: leader.id,
        terminal: `/dev/pts/${number}`,
        ageSeconds: table.ageSeconds(leader),
        portVariable: portOf(leader.pid),
      })),
      listeners: listeners.slice(0, 64),
      starting,
      service,
      lastSessionEnd: this.#lastSessionEnd && {
        kind: this.#lastSessionEnd.kind,
        ageSeconds: (performance.now() - this.#lastSessionEnd.at) / 1000,
      },
    };
    return { report, terminals, panes, shells: living, table };
  }

  /** A session that is gone was left where its shell said so; everything else is lost. */
  #followEnds(
    terminals: readonly Terminal[],
    living: readonly ShellRecord[],
    ended: readonly ShellRecord[],
  ): void {
    for (const shell of [...living, ...ended]) this.#ended.set(shell.id, shell.phase);
    const now = new Map(terminals.map((terminal) => [terminal.leader.id, terminal]));
    const gone = [...this.#last.keys()].filter((id) => !now.has(id));
    if (gone.length > 0) {
      // Which of several was the last is not known: who was lost may come back.
      const kind = gone.every((id) => this.#ended.get(id) === 'exited') ? 'exited' : 'lost';
      this.#lastSessionEnd = { kind, at: performance.now() };
    }
    this.#last = now;
    const known = new Set([...living.map((shell) => shell.id), ...now.keys()]);
    for (const id of this.#ended.keys()) if (!known.has(id)) this.#ended.delete(id);
  }

  #findService(
    table: ProcessTable,
    { isPublic, watched }: { isPublic(pid: number | null): boolean; watched(pid: number): boolean },
  ): { listeners: Listener[]; service: Service | null } {
    const found = this.#listeners.find(table, this.#options.ownPid);
    this.#prober.keep(new Set(found.map((each) => each.id)));
    const candidates = found.map(({ id, port, addresses, holder }) => {
      const address = reachableAddress(addresses);
      return {
        port,
        addresses,
        holder,
        address,
        speaks: this.#prober.speaks(id, address, port),
        isPublic: isPublic(holder?.pid ?? null),
        watched: holder !== null && watched(holder.pid),
        ageSeconds: holder === null ? 0 : table.ageSeconds(holder),
      };
    });
    const listeners = candidates.map(
      (each): Listener => ({
        port: each.port,
        addresses: each.addresses,
        process: each.holder?.id ?? null,
        command: each.holder === null ? '' : table.command(each.holder.pid).join(' ').slice(0, 200),
        speaks: each.speaks,
        isPublic: each.isPublic,
      }),
    );
    return { listeners, service: chooseService(candidates, this.#options.port, this.#options.chosen()) };
  }
}
