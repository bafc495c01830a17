import type { IDisposable } from '@lumino/disposable';
import { Signal, type ISignal } from '@lumino/signaling';

import type { CloudMLApi } from '../api/client';
import type { IJobStream } from '../api/stream';
import type { JobChanges, JobState } from '../api/types';

type Counts = Partial<Record<JobState, number>>;

/**
 * How many jobs run and wait, live: asked for once and after every gap, told by the stream in between.
 * What today's jobs cost comes with the answers: where a price is known, it is asked for anew when jobs begin and end.
 */
export class CountsModel implements IDisposable {
  constructor(
    private readonly _api: Pick<CloudMLApi, 'listJobs'>,
    private readonly _stream: Pick<IJobStream, 'changed' | 'reconnected'>
  ) {
    this._stream.changed.connect(this._take, this);
    this._stream.reconnected.connect(this._ask, this);
  }

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get running(): number {
    return count(this._counts, ['STARTING', 'RUNNING', 'STOPPING']);
  }

  get queued(): number {
    return count(this._counts, ['QUEUED']);
  }

  /** US dollars since midnight; null where it is not known. */
  get costToday(): number | null {
    return this._costToday;
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  /** Asks the server. Never fails: what cannot be asked is not shown. */
  async refresh(): Promise<void> {
    try {
      const { counts, cost_today } = await this._api.listJobs({ limit: 1 });
      this._set(counts, cost_today ?? null);
    } catch {
      this._set({}, null);
    }
  }

  dispose(): void {
    if (this._isDisposed) {
      return;
    }
    this._isDisposed = true;
    this._stream.changed.disconnect(this._take, this);
    this._stream.reconnected.disconnect(this._ask, this);
    Signal.clearData(this);
  }

  private _take(_: unknown, changes: JobChanges): void {
    if (this._set(changes.counts, this._costToday) && this._costToday !== null) {
      this._ask();
    }
  }

  private _ask(): void {
    void this.refresh();
  }

  /** Whether a number of jobs changed. */
  private _set(counts: Counts, costToday: number | null): boolean {
    if (this._isDisposed) {
      return false;
    }
    const [running, queued, cost] = [this.running, this.queued, this._costToday];
    this._counts = counts;
    this._costToday = costToday;
    const isOther = running !== this.running || queued !== this.queued;
    if (isOther || cost !== costToday) {
      this._changed.emit();
    }
    return isOther;
  }

  private readonly _changed = new Signal<this, void>(this);
  private _counts: Counts = {};
  private _costToday: number | null = null;
  private _isDisposed = false;
}

function count(counts: Counts, states: readonly JobState[]): number {
  return states.reduce((sum, state) => sum + (counts[state] ?? 0), 0);
}
