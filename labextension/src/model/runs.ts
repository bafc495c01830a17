import type { IDisposable } from '@lumino/disposable';
import { Signal, type ISignal } from '@lumino/signaling';

import type { CloudMLApi } from '../api/client';
import type { IJobStream } from '../api/stream';
import {
  isFinal,
  type Experiment,
  type JobChange,
  type JobChanges,
  type Run,
  type RunQuery
} from '../api/types';
import { Loader, type Phase } from './loader';

const PAGE = 200;

/** How long moves of jobs are gathered before the runs are fetched again. */
export const PAUSE_MS = 1_500;

/** How many metrics have a column of their own unless the user names some. */
const COLUMNS = 4;

type Api = Pick<CloudMLApi, 'runs' | 'experiments'>;

/**
 * The runs of an experiment, in the order of one metric. Sorting is the server's, over all runs; pages come when seen.
 *
 * Fetched again when a job begins, gets its run or ends while somebody looks; never by the clock.
 */
export class RunsModel implements IDisposable {
  constructor(
    private readonly _api: Api,
    private readonly _stream: Pick<IJobStream, 'changed' | 'reconnected'>
  ) {
    this._stream.changed.connect(this._take, this);
    this._stream.reconnected.connect(this._missed, this);
    this._loader.changed.connect(() => this._changed.emit(), this);
  }

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get phase(): Phase {
    return this._loader.phase;
  }

  get error(): Error | null {
    return this._loader.error;
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

  get isDisposed(): boolean {
    return this._isDisposed;
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
    this._changed.emit();
  }

  choose(run: Run, isChosen: boolean): void {
    if (isChosen) {
      this._chosen.set(run.run_id, run);
    } else {
      this._chosen.delete(run.run_id);
    }
    this._changed.emit();
  }

  clearChosen(): void {
    this._chosen.clear();
    this._changed.emit();
  }

  setVisible(isVisible: boolean): void {
    this._isVisible = isVisible;
    if (isVisible && this._isStale) {
      void this.refresh();
    }
  }

  async refresh(): Promise<void> {
    this._isStale = false;
    this._pages = new Set([0]);
    await this._loader.load(
      signal =>
        Promise.all([
          this._api.runs({ ...this._query, limit: PAGE, offset: 0 }, signal),
          this._api.experiments(signal)
        ]),
      ([page, experiments]) => {
        this._runs = [...page.runs];
        this._total = page.total;
        this._metrics = page.metrics;
        this._experiments = experiments;
      }
    );
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

  dispose(): void {
    if (this._isDisposed) {
      return;
    }
    this._isDisposed = true;
    window.clearTimeout(this._timer);
    this._loader.dispose();
    this._stream.changed.disconnect(this._take, this);
    this._stream.reconnected.disconnect(this._missed, this);
    Signal.clearData(this);
  }

  private async _fetch(page: number): Promise<void> {
    const pages = this._pages;
    pages.add(page);
    const offset = page * PAGE;
    try {
      const answer = await this._api.runs({ ...this._query, limit: PAGE, offset });
      if (pages === this._pages && !this._isDisposed) {
        answer.runs.forEach((run, i) => (this._runs[offset + i] = run));
        this._changed.emit();
      }
    } catch {
      // asked for again when it comes in sight again
      pages.delete(page);
    }
  }

  private _take(_: unknown, { changed }: JobChanges): void {
    const isMove = changed.some(one => this._marks.get(one.id) !== markOf(one));
    for (const one of changed) {
      if (isFinal(one.state)) {
        this._marks.delete(one.id);
      } else {
        this._marks.set(one.id, markOf(one));
      }
    }
    if (isMove) {
      this._missed();
    }
  }

  /** Fetch soon: moves that come together cost one request, and MLflow has heard of them by then. */
  private _missed(): void {
    this._isStale = true;
    if (this._isVisible && this._timer === undefined) {
      this._timer = window.setTimeout(() => {
        this._timer = undefined;
        if (this._isVisible && this._isStale) {
          void this.refresh();
        }
      }, PAUSE_MS);
    }
  }

  private readonly _loader = new Loader();
  private readonly _changed = new Signal<this, void>(this);
  private readonly _chosen = new Map<string, Run>();
  private readonly _marks = new Map<string, string>();
  private _runs: (Run | undefined)[] = [];
  private _pages = new Set<number>();
  private _metrics: readonly string[] = [];
  private _pinned: readonly string[] = [];
  private _experiments: readonly Experiment[] = [];
  private _query: RunQuery = { sort: 'start_time', order: 'desc' };
  private _total = 0;
  private _timer: number | undefined;
  private _isVisible = false;
  private _isStale = true;
  private _isDisposed = false;
}

/** What the table of runs shows of a job's way. */
function markOf({ state, run_id }: JobChange): string {
  return `${state} ${run_id ?? ''}`;
}
