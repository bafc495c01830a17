import { Signal, type ISignal } from '@lumino/signaling';

import type { CloudMLApi } from '../api/client';
import {
  isFinal,
  type JobChange,
  type JobChanges,
  type JobQuery,
  type JobRow,
  type JobState
} from '../api/types';
import { LiveModel, type Stream } from './live';

/** Rows asked for in one request. */
export const PAGE = 200;

/** How long changes are gathered before the list is fetched again. */
export const BURST_MS = 150;

export interface JobFilter {
  states: readonly JobState[];
  notebook: string;
  experiment: string;
  text: string;
}

export const NO_FILTER: JobFilter = { states: [], notebook: '', experiment: '', text: '' };

/**
 * The list of jobs that fits a filter, newest first; pages are fetched when somebody looks at them.
 *
 * It is live without asking: the stream says what changed, known rows change in place, and the list is fetched again
 * only where a job appeared that it does not know, or something was missed. Counts are those of all jobs.
 */
export class JobsModel extends LiveModel {
  constructor(
    private readonly _api: Pick<CloudMLApi, 'listJobs'>,
    stream: Stream
  ) {
    super(stream, BURST_MS);
  }

  /** Single jobs moved; the very event. */
  get moved(): ISignal<this, JobChanges> {
    return this._moved;
  }

  /** How many jobs fit the filter. */
  get total(): number {
    return this._total;
  }

  get counts(): Readonly<Partial<Record<JobState, number>>> {
    return this._counts;
  }

  /** How many jobs have not ended, whatever the filter. */
  get active(): number {
    return Object.entries(this._counts).reduce(
      (sum, [state, n]) => (isFinal(state as JobState) ? sum : sum + n),
      0
    );
  }

  /** Notebooks of the jobs that were seen so far, to choose from. */
  get notebooks(): readonly string[] {
    return [...this._notebooks].sort();
  }

  /** Experiments of the jobs that were seen so far. */
  get experiments(): readonly string[] {
    return [...this._experiments].sort();
  }

  get filter(): JobFilter {
    return this._filter;
  }

  /** The row at `index` of the filtered list, when its page is here. */
  at(index: number): JobRow | undefined {
    return this._rows[index];
  }

  get(id: string): JobRow | undefined {
    const index = this._places.get(id);
    return index === undefined ? undefined : this._rows[index];
  }

  /** How far a running job is, from 0 to 1; null where it does not say. */
  progress(id: string): number | null {
    return this._progress.get(id) ?? null;
  }

  /** Seconds that a job ran so far. Counts on from what the server said last, whatever this machine's clock shows. */
  elapsed(row: JobRow, now = Date.now()): number | null {
    if (row.elapsed_s === null) {
      return null;
    }
    const seen = this._seenAt.get(row);
    return isFinal(row.state) || seen === undefined
      ? row.elapsed_s
      : row.elapsed_s + Math.max(0, now - seen) / 1000;
  }

  /** Shows only what fits. The rows of the old filter stay until the new ones are here. */
  setFilter(part: Partial<JobFilter>): void {
    this._filter = { ...this._filter, ...part };
    void this.refresh();
  }

  /** Makes sure that the rows from `first` to `last` are here or on their way. */
  see(first: number, last: number): void {
    this._sight = [first, last];
    if (this.phase === 'loading' || this.isStale) {
      return;
    }
    for (
      let page = Math.floor(first / PAGE);
      page * PAGE <= Math.min(last, this._total - 1);
      page++
    ) {
      if (!this._pages.has(page)) {
        void this._fetchPage(page);
      }
    }
  }

  /** A row that an action of the user answered with. */
  put(row: JobRow): void {
    const index = this._places.get(row.id);
    if (index === undefined) {
      this.missed();
      return;
    }
    this._keep(index, row);
    this.say();
  }

  /** Fetches the pages in sight anew. */
  protected async fetch(): Promise<void> {
    const [first, last] = this._sight;
    const offset = Math.floor(first / PAGE) * PAGE;
    const limit = Math.max(PAGE, Math.ceil((last + 1 - offset) / PAGE) * PAGE);
    await this.loader.load(
      signal => this._api.listJobs({ ...this._query(), limit, offset }, signal),
      page => {
        this._rows = [];
        this._places.clear();
        this._pages.clear();
        this._total = page.total;
        this._counts = page.counts;
        this._place(page.jobs, offset);
      }
    );
  }

  private async _fetchPage(page: number): Promise<void> {
    const pages = this._pages;
    pages.add(page);
    const offset = page * PAGE;
    try {
      const answer = await this._api.listJobs({ ...this._query(), limit: PAGE, offset });
      if (pages === this._pages && !this.isDisposed) {
        this._total = answer.total;
        this._place(answer.jobs, offset);
        this.say();
      }
    } catch {
      // asked for again when it comes in sight again
      pages.delete(page);
    }
  }

  private _place(rows: readonly JobRow[], offset: number): void {
    rows.forEach((row, i) => {
      this._keep(offset + i, row);
      this._places.set(row.id, offset + i);
    });
    for (let page = offset / PAGE; page * PAGE < offset + Math.max(rows.length, 1); page++) {
      this._pages.add(page);
    }
  }

  private _keep(index: number, row: JobRow): void {
    this._rows[index] = row;
    this._seenAt.set(row, Date.now());
    if (row.notebook) {
      this._notebooks.add(row.notebook);
    }
    if (row.experiment) {
      this._experiments.add(row.experiment);
    }
  }

  private _takeProgress({ id, state, progress }: JobChange): void {
    const bar = progress?.find(one => !one.done && one.total);
    if (isFinal(state)) {
      this._progress.delete(id);
    } else if (bar?.total) {
      this._progress.set(id, Math.min(1, bar.n / bar.total));
    }
  }

  private _query(): JobQuery {
    const { states, notebook, experiment, text } = this._filter;
    return { state: states, notebook, experiment, text };
  }

  protected take(changes: JobChanges): void {
    this._counts = changes.counts;
    let isNew = false;
    for (const change of changes.changed) {
      const index = this._places.get(change.id);
      const row = index === undefined ? undefined : this._rows[index];
      if (index === undefined || row === undefined) {
        isNew = true;
        continue;
      }
      // a row whose state moved has new times, a reason or an error as well: those are fetched
      isNew = isNew || row.state !== change.state;
      const { state, updated_at, elapsed_s = row.elapsed_s } = change;
      this._keep(index, { ...row, state, updated_at, elapsed_s });
      this._takeProgress(change);
    }
    this._moved.emit(changes);
    this.say();
    if (isNew) {
      this.missed();
    }
  }

  private readonly _moved = new Signal<this, JobChanges>(this);
  private _rows: (JobRow | undefined)[] = [];
  private _seenAt = new WeakMap<JobRow, number>();
  private readonly _notebooks = new Set<string>();
  private readonly _experiments = new Set<string>();
  private _progress = new Map<string, number>();
  private _places = new Map<string, number>();
  private _pages = new Set<number>();
  private _total = 0;
  private _counts: Partial<Record<JobState, number>> = {};
  private _filter: JobFilter = NO_FILTER;
  private _sight: [number, number] = [0, 0];
}
