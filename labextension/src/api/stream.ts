import type { Event, ServiceManager } from '@jupyterlab/services';
import type { IDisposable } from '@lumino/disposable';
import { Signal, type ISignal } from '@lumino/signaling';

import type { JobChanges } from './types';

export const JOBS_SCHEMA = 'https://schema.jupyter.org/cloudml/jobs/v1';

/** How often a server that was lost is tried. */
export const TRY_MS = 2_000;

/** The longest time that Lab's event socket takes to come back after the server did. */
export const SOCKET_MS = 15_000;

/** What the server says by itself. Nothing is asked for: the one web socket of Lab's event bus carries it. */
export interface IJobStream extends IDisposable {
  /** Jobs that changed, at most some ten times a second. */
  readonly changed: ISignal<IJobStream, JobChanges>;
  /** Something may have been missed (a gap in `seq`, a new connection): whoever shows state asks for it anew. */
  readonly reconnected: ISignal<IJobStream, void>;
}

/** Filters the job schema out of Jupyter's event stream. */
export class JobStream implements IJobStream {
  /**
   * `probe` asks the server for anything: after a lost connection it is tried until it answers, which also makes a new
   * server watch its jobs again.
   */
  constructor(
    events: Pick<Event.IManager, 'stream'>,
    private readonly _services?: Pick<ServiceManager.IManager, 'connectionFailure'>,
    private readonly _probe: () => Promise<unknown> = async () => undefined
  ) {
    this._stream = events.stream;
    this._stream.connect(this._take, this);
    this._services?.connectionFailure.connect(this._lost, this);
  }

  get changed(): ISignal<IJobStream, JobChanges> {
    return this._changed;
  }

  get reconnected(): ISignal<IJobStream, void> {
    return this._reconnected;
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  dispose(): void {
    if (this._isDisposed) {
      return;
    }
    this._isDisposed = true;
    window.clearTimeout(this._timer);
    this._stream.disconnect(this._take, this);
    this._services?.connectionFailure.disconnect(this._lost, this);
    Signal.clearData(this);
  }

  private _lost(): void {
    if (!this._wasLost) {
      this._wasLost = true;
      this._tryAgain();
    }
  }

  private _tryAgain(): void {
    window.clearTimeout(this._timer);
    this._timer = window.setTimeout(() => {
      this._probe().then(
        () => this._found(),
        () => this._isDisposed || this._tryAgain()
      );
    }, TRY_MS);
  }

  /** The server is back. Its web socket comes later, and what happened until then is told by nobody. */
  private _found(): void {
    if (this._isDisposed || !this._wasLost) {
      return;
    }
    this._wasLost = false;
    this._reconnected.emit();
    this._timer = window.setTimeout(() => this._reconnected.emit(), SOCKET_MS);
  }

  private _take(_: unknown, emission: Event.Emission): void {
    if (emission.schema_id !== JOBS_SCHEMA) {
      return;
    }
    const changes = emission as unknown as JobChanges;
    const isGap = this._seq !== null && changes.seq !== this._seq + 1;
    this._seq = changes.seq;
    if (isGap || this._wasLost) {
      this._wasLost = false;
      this._reconnected.emit();
    }
    this._changed.emit(changes);
  }

  private readonly _stream: Event.Stream;
  private readonly _changed = new Signal<this, JobChanges>(this);
  private readonly _reconnected = new Signal<this, void>(this);
  private _timer: number | undefined;
  private _seq: number | null = null;
  private _wasLost = false;
  private _isDisposed = false;
}
