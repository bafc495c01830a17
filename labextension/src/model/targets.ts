import type { IDisposable } from '@lumino/disposable';
import { Signal, type ISignal } from '@lumino/signaling';

import type { CloudMLApi } from '../api/client';
import type { IJobStream } from '../api/stream';
import type { Target } from '../api/types';
import { Loader, type Phase } from './loader';

/** The shortest time between two requests that jobs on the move cause. */
export const PAUSE_MS = 2_000;

/** The targets and what is free on them; fetched when seen, and when jobs move while seen. */
export class TargetsModel implements IDisposable {
  constructor(
    private readonly _api: Pick<CloudMLApi, 'targets'>,
    private readonly _stream: Pick<IJobStream, 'changed' | 'reconnected'>
  ) {
    this._stream.changed.connect(this._missed, this);
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

  get targets(): readonly Target[] {
    return this._targets;
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  setVisible(isVisible: boolean): void {
    this._isVisible = isVisible;
    if (isVisible && this._isStale) {
      void this.refresh();
    }
  }

  async refresh(): Promise<void> {
    this._isStale = false;
    await this._loader.load(
      signal => this._api.targets(signal),
      targets => (this._targets = targets)
    );
  }

  dispose(): void {
    if (this._isDisposed) {
      return;
    }
    this._isDisposed = true;
    window.clearTimeout(this._timer);
    this._loader.dispose();
    this._stream.changed.disconnect(this._missed, this);
    this._stream.reconnected.disconnect(this._missed, this);
    Signal.clearData(this);
  }

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
  private _targets: readonly Target[] = [];
  private _timer: number | undefined;
  private _isVisible = false;
  private _isStale = true;
  private _isDisposed = false;
}
