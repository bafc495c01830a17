import type { IDisposable } from '@lumino/disposable';
import { Signal, type ISignal } from '@lumino/signaling';

import type { CloudMLApi } from '../api/client';
import type { IJobStream } from '../api/stream';
import type { JobChanges, JobState } from '../api/types';

type Counts = Partial<Record<JobState, number>>;

/** How many jobs run and wait, live: asked for once and after every gap, told by the stream in between. */
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

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  /** Asks the server. Never fails: what cannot be asked is not shown. */
  async refresh(): Promise<void> {
    try {
      const { counts } = await this._api.listJobs({ limit: 1 });
      this._set(counts);
    } catch {
      this._set({});
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
    this._set(changes.counts);
  }

  private _ask(): void {
    void this.refresh();
  }

  private _set(counts: Counts): void {
    if (this._isDisposed) {
      return;
    }
    const before = [this.running, this.queued];
    this._counts = counts;
    if (before[0] !== this.running || before[1] !== this.queued) {
      this._changed.emit();
    }
  }

  private readonly _changed = new Signal<this, void>(this);
  private _counts: Counts = {};
  private _isDisposed = false;
}

function count(counts: Counts, states: readonly JobState[]): number {
  return states.reduce((sum, state) => sum + (counts[state] ?? 0), 0);
}
