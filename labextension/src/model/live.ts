import type { IDisposable } from '@lumino/disposable';
import { Signal, type ISignal } from '@lumino/signaling';

import type { IJobStream } from '../api/stream';
import type { JobChanges } from '../api/types';
import { Loader, type Phase } from './loader';

export type Stream = Pick<IJobStream, 'changed' | 'reconnected'>;

/**
 * What a section of the panel shows: fetched when it is first seen, and again when it is stale and somebody looks. What
 * is told meanwhile is gathered for `pauseMs`, so that a burst costs one request, and a request under way is let finish.
 */
export abstract class LiveModel implements IDisposable {
  constructor(
    private readonly _stream: Stream,
    private readonly _pauseMs: number
  ) {
    this._stream.changed.connect(this._hear, this);
    this._stream.reconnected.connect(this.missed, this);
    this.loader.changed.connect(() => this.say(), this);
  }

  /** What is shown, or the phase, is new. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get phase(): Phase {
    return this.loader.phase;
  }

  get error(): Error | null {
    return this.loader.error;
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  /** Whether somebody looks. What nobody looks at is fetched when it is looked at. */
  setVisible(isVisible: boolean): void {
    this._isVisible = isVisible;
    if (isVisible && this.isStale) {
      void this.refresh();
    }
  }

  /** Fetches anew; never fails, see `error`. */
  async refresh(): Promise<void> {
    this._isStale = false;
    window.clearTimeout(this._timer);
    this._timer = undefined;
    this._asked++;
    await this.fetch();
    this._asked--;
  }

  dispose(): void {
    if (this._isDisposed) {
      return;
    }
    this._isDisposed = true;
    window.clearTimeout(this._timer);
    this.loader.dispose();
    this._stream.changed.disconnect(this._hear, this);
    this._stream.reconnected.disconnect(this.missed, this);
    Signal.clearData(this);
  }

  /** Asks the server, through `loader`. */
  protected abstract fetch(): Promise<void>;

  /** What the stream says of jobs. */
  protected abstract take(changes: JobChanges): void;

  protected get isStale(): boolean {
    return this._isStale;
  }

  /** Something is not as it is shown: fetch soon, where somebody looks. */
  protected missed(): void {
    this.fetchIn(this._pauseMs);
  }

  /** Fetch in some milliseconds, unless that is to happen sooner already. */
  protected fetchIn(ms: number): void {
    this._isStale = true;
    if (this._isVisible && this._timer === undefined) {
      this._timer = window.setTimeout(() => {
        this._timer = undefined;
        if (this._asked) {
          this.missed();
        } else if (this._isVisible && this._isStale) {
          void this.refresh();
        }
      }, ms);
    }
  }

  /** Says that it changed. */
  protected say(): void {
    this._changed.emit();
  }

  protected readonly loader = new Loader();

  private _hear(_: unknown, changes: JobChanges): void {
    this.take(changes);
  }

  private readonly _changed = new Signal<this, void>(this);
  private _timer: number | undefined;
  private _asked = 0;
  private _isVisible = false;
  private _isStale = true;
  private _isDisposed = false;
}
