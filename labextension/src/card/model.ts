import type { IDisposable } from '@lumino/disposable';
import { Signal, type ISignal } from '@lumino/signaling';

import { ApiError, type CloudMLApi } from '../api/client';
import type { IJobStream } from '../api/stream';
import { isFinal, type JobChanges, type JobSnapshot, type ResourceSample } from '../api/types';
import { OutputFeed } from '../outputs/feed';
import { Paced } from '../outputs/paced';

/** Not oftener than this is the job asked for, however often it changes. */
const GAP_MS = 250;

/** A job that moves says something every second; one that is silent for this long is asked. */
const SILENCE_MS = 8_000;

/** Resource samples that are kept for the strips. */
const MAX_SAMPLES = 120;

export type CardApi = Pick<CloudMLApi, 'job' | 'outputs' | 'cancel' | 'retry'>;
export type CardStream = Pick<IJobStream, 'changed' | 'reconnected'>;

/** What a card needs of the server; without the server extension there is none, and the stored snapshot is shown. */
export interface Server {
  readonly api: CardApi;
  readonly stream: CardStream;
}

/**
 * One job as a card or a page shows it: the newest of what was stored, what the kernel says, and what the server says.
 *
 * While it is watched and the job moves, it follows the stream; it asks for nothing otherwise, save once when it is
 * first seen. Whatever breaks, the newest snapshot stays, and `error` says why there is no newer one.
 */
export class JobModel implements IDisposable {
  constructor(
    snapshot: JobSnapshot | null,
    readonly jobId: string,
    private readonly _server: Server | null
  ) {
    this._snapshot = snapshot;
    this._server?.stream.changed.connect(this._take, this);
    this._server?.stream.reconnected.connect(this.refresh, this);
  }

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** Null before a page's first answer. */
  get snapshot(): JobSnapshot | null {
    return this._snapshot;
  }

  get isOver(): boolean {
    return this._snapshot !== null && isFinal(this._snapshot.state);
  }

  /** Whether the server or the kernel has spoken of the job since this was made: its clock may tick. */
  get isLive(): boolean {
    return this._isLive && !this._error;
  }

  get hasServer(): boolean {
    return this._server !== null;
  }

  /** Why there is no newer snapshot; empty when all is well. */
  get error(): string {
    return this._error;
  }

  /** Whether the server does not know the job: it was pruned, or ran on another machine. */
  get isUnknown(): boolean {
    return this._isUnknown;
  }

  /** Seconds that the job has run by now. */
  elapsedS(now = performance.now()): number | null {
    const elapsed = this._snapshot?.elapsed_s ?? null;
    const ticks = elapsed !== null && this.isLive && !this.isOver;
    return ticks ? elapsed + Math.max(0, now - this._heardAt) / 1000 : elapsed;
  }

  /** Resource samples that were heard of, oldest first. */
  get samples(): readonly ResourceSample[] {
    return this._samples;
  }

  /** The live output; made at the first call, brought while this is watched. */
  feed(): OutputFeed | null {
    if (this._feed === null && this._server !== null && !this.isDisposed) {
      this._feed = new OutputFeed(this._server.api, this.jobId);
      this._pullOutput();
    }
    return this._feed;
  }

  get isWatched(): boolean {
    return this._isWatched;
  }

  /** Whether anybody can see it. */
  set isWatched(value: boolean) {
    if (value === this._isWatched) {
      return;
    }
    this._isWatched = value;
    clearInterval(this._watchdog);
    if (value) {
      this._watchdog = setInterval(() => this._ifSilent(), SILENCE_MS / 4);
      this.refresh();
      this._pullOutput();
    }
  }

  /** While the kernel speaks of the job, the server is not asked. */
  isKernelTold = false;

  /** What the kernel says. */
  tell(snapshot: JobSnapshot): void {
    this._hear(snapshot);
    this._changed.emit();
  }

  /** Ask the server, soon, when somebody looks. */
  refresh(): void {
    if (this._server !== null && this._isWatched && !this._isUnknown) {
      this._paced.ask();
    }
  }

  /** Ask the job to stop. Rejects with the server's reason. */
  async cancel(): Promise<void> {
    await this._server?.api.cancel(this.jobId);
    this.refresh();
  }

  /** Start the job once more. Rejects with the server's reason. */
  async retry(): Promise<void> {
    await this._server?.api.retry(this.jobId);
    this.refresh();
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  dispose(): void {
    this._isDisposed = true;
    clearInterval(this._watchdog);
    this._paced.dispose();
    this._feed?.dispose();
    this._server?.stream.changed.disconnect(this._take, this);
    this._server?.stream.reconnected.disconnect(this.refresh, this);
    Signal.clearData(this);
  }

  private _take(_: unknown, changes: JobChanges): void {
    const change = changes.changed.find(({ id }) => id === this.jobId);
    if (!change || !this._isWatched || this.isKernelTold) {
      return;
    }
    this._toldAt = performance.now();
    this._isUnknown = false;
    if (this._snapshot && !isFinal(change.state)) {
      const progress = change.progress ?? this._snapshot.progress;
      const elapsed = change.elapsed_s ?? this._snapshot.elapsed_s;
      this._hear({ ...this._snapshot, state: change.state, progress, elapsed_s: elapsed });
      this._changed.emit();
    }
    this._paced.ask();
    this._pullOutput();
  }

  private async _ask(): Promise<void> {
    if (this._server === null) {
      return;
    }
    try {
      this._hear(await this._server.api.job(this.jobId, this._abort.signal));
      this._error = '';
    } catch (error) {
      this._isUnknown = error instanceof ApiError && (error.status === 404 || error.status === 400);
      this._error = error instanceof Error ? error.message : String(error);
    }
    if (!this._isDisposed) {
      this._changed.emit();
      this._pullOutput();
    }
  }

  private _hear(snapshot: JobSnapshot): void {
    const known = this._snapshot;
    if (known !== null && snapshot.updated_at < known.updated_at && this._isLive) {
      return;
    }
    this._snapshot = snapshot;
    this._sample(snapshot.resources);
    this._isLive = true;
    this._heardAt = this._toldAt = performance.now();
  }

  private _sample(sample: ResourceSample): void {
    const last = this._samples.at(-1);
    if (sample.t !== undefined && sample.t !== last?.t) {
      this._samples = [...this._samples.slice(1 - MAX_SAMPLES), sample];
    }
  }

  private _pullOutput(): void {
    if (this._isWatched && !this._isUnknown && this._feed && !(this._feed.isWhole && this.isOver)) {
      this._feed.pull();
    }
  }

  private _ifSilent(): void {
    const isSilent = performance.now() - this._toldAt > SILENCE_MS;
    if (isSilent && !this.isOver && !this.isKernelTold) {
      this._toldAt = performance.now();
      this.refresh();
      this._pullOutput();
    }
  }

  private readonly _paced = new Paced(() => this._ask(), GAP_MS);
  private readonly _abort = new AbortController();
  private readonly _changed = new Signal<this, void>(this);
  private _snapshot: JobSnapshot | null;
  private _feed: OutputFeed | null = null;
  private _watchdog: ReturnType<typeof setInterval> | undefined;
  private _samples: readonly ResourceSample[] = [];
  private _heardAt = performance.now();
  private _toldAt = performance.now();
  private _error = '';
  private _isLive = false;
  private _isUnknown = false;
  private _isWatched = false;
  private _isDisposed = false;
}
