import type { CloudMLApi } from '../api/client';
import {
  isFinal,
  type Experiment,
  type JobChange,
  type JobChanges,
  type Run,
  type RunQuery
} from '../api/types';
import { LiveModel, type Stream } from './live';

const PAGE = 200;

/** How long moves of jobs are gathered before the runs are fetched again. */
export const PAUSE_MS = 1_500;

/** How soon the runs are asked for again while their server is being copied, and while it is away. */
export const SYNCING_MS = 2_000;
export const AWAY_MS = 15_000;

/** How many metrics have a column of their own unless the user names some. */
const COLUMNS = 4;

type Api = Pick<CloudMLApi, 'runs' | 'experiments'>;

/**
 * The runs of an experiment, in the order of one metric. Sorting is the server's, over all runs; pages come when seen.
 *
 * Fetched again when a job begins, gets its run or ends while somebody looks; by the clock only while the copy of a
 * tracking server's runs is not whole, or that server is away.
 */
export class RunsModel extends LiveModel {
  constructor(
    private readonly _api: Api,
    stream: Stream
  ) {
    super(stream, PAUSE_MS);
  }

  /** Whether the runs of a tracking server are still being fetched: there are more than these. */
  get isSyncing(): boolean {
    return this._isSyncing;
  }

  /** Since when (Unix seconds) the tracking server has not answered: these are its runs of that time. Else null. */
  get awaySince(): number | null {
    return this._awaySince;
  }

  get total(): number {
    return this._total;
  }

  get experiments(): readonly Experiment[] {
    return this._experiments;
  }

  /** Metrics that have a column, the pinned ones first; the one that sorts is always among them. */
  get columns(): readonly string[] {
    const known = new Set(this._metrics);
    const pinned = this._pinned.filter(name => known.has(name));
    const free = this._metrics.filter(name => !name.startsWith('system/'));
    const chosen = [...new Set([...pinned, ...free])].slice(0, Math.max(COLUMNS, pinned.length));
    const sorted = this._query.sort?.replace(/^metrics\./, '') ?? '';
    return known.has(sorted) && !chosen.includes(sorted) ? [...chosen, sorted] : chosen;
  }

  get metrics(): readonly string[] {
    return this._metrics;
  }

  get query(): Readonly<RunQuery> {
    return this._query;
  }

  /** The runs that were chosen for a comparison, in the order of choice. */
  get chosen(): readonly Run[] {
    return [...this._chosen.values()];
  }

  at(index: number): Run | undefined {
    return this._runs[index];
  }

  setQuery(part: RunQuery): void {
    if (part.experiment !== undefined && part.experiment !== this._query.experiment) {
      this._chosen.clear();
    }
    this._query = { ...this._query, ...part };
    void this.refresh();
  }

  /** Another order: a metric starts with its least value, the start time with the newest. The same again turns it. */
  sortBy(sort: string): void {
    const { sort: old, order } = this._query;
    const first = sort.startsWith('metrics.') || sort === 'name' ? 'asc' : 'desc';
    const turned = order === 'asc' ? 'desc' : 'asc';
    this.setQuery({ sort, order: sort === old ? turned : first });
  }

  setPinned(names: readonly string[]): void {
    this._pinned = names;
    this.say();
  }

  choose(run: Run, isChosen: boolean): void {
    if (isChosen) {
      this._chosen.set(run.run_id, run);
    } else {
      this._chosen.delete(run.run_id);
    }
    this.say();
  }

  clearChosen(): void {
    this._chosen.clear();
    this.say();
  }

  /** Makes sure that these rows are here or on their way. */
  see(first: number, last: number): void {
    if (this.phase !== 'ready') {
      return;
    }
    for (
      let page = Math.floor(first / PAGE);
      page * PAGE <= Math.min(last, this._total - 1);
      page++
    ) {
      if (!this._pages.has(page)) {
        void this._fetch(page);
      }
    }
  }

  protected async fetch(): Promise<void> {
    this._pages = new Set([0]);
    await this.loader.load(
      signal =>
        Promise.all([
          this._api.runs({ ...this._query, limit: PAGE, offset: 0 }, signal),
          this._api.experiments(signal)
        ]),
      ([page, experiments]) => {
        this._runs = [];
        this._place(page.runs, 0);
        this._total = page.total;
        this._metrics = page.metrics;
        this._experiments = experiments;
        this._isSyncing = page.syncing === true;
        this._awaySince = page.away_since ?? null;
      }
    );
    if (this._isSyncing || this._awaySince !== null) {
      this.fetchIn(this._isSyncing ? SYNCING_MS : AWAY_MS);
    }
  }

  protected take({ changed }: JobChanges): void {
    const isMove = changed.some(one => this._marks.get(one.id) !== markOf(one));
    for (const one of changed) {
      if (isFinal(one.state)) {
        this._marks.delete(one.id);
      } else {
        this._marks.set(one.id, markOf(one));
      }
    }
    if (isMove) {
      this.missed();
    }
  }

  /** Runs as they are now, also those that were chosen before. */
  private _place(runs: readonly Run[], offset: number): void {
    runs.forEach((run, i) => {
      this._runs[offset + i] = run;
      if (this._chosen.has(run.run_id)) {
        this._chosen.set(run.run_id, run);
      }
    });
  }

  private async _fetch(page: number): Promise<void> {
    const pages = this._pages;
    pages.add(page);
    const offset = page * PAGE;
    try {
      const answer = await this._api.runs({ ...this._query, limit: PAGE, offset });
      if (pages === this._pages && !this.isDisposed) {
        this._place(answer.runs, offset);
        this.say();
      }
    } catch {
      // asked for again when it comes in sight again
      pages.delete(page);
    }
  }

  private readonly _chosen = new Map<string, Run>();
  private readonly _marks = new Map<string, string>();
  private _runs: (Run | undefined)[] = [];
  private _pages = new Set<number>();
  private _metrics: readonly string[] = [];
  private _pinned: readonly string[] = [];
  private _experiments: readonly Experiment[] = [];
  private _query: RunQuery = { sort: 'start_time', order: 'desc' };
  private _total = 0;
  private _isSyncing = false;
  private _awaySince: number | null = null;
}

/** What the table of runs shows of a job's way. */
function markOf({ state, run_id }: JobChange): string {
  return `${state} ${run_id ?? ''}`;
}
