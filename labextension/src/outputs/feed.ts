import type { IDisposable } from '@lumino/disposable';
import { Signal, type ISignal } from '@lumino/signaling';

import type { CloudMLApi } from '../api/client';
import { OutputFold } from './fold';
import { Paced } from './paced';

/** Together with the 100 ms of the server: what is printed is seen within 300. */
const GAP_MS = 100;

/** The output of one job, brought by offset: each byte of the journal once, none left out, whatever breaks in between. */
export class OutputFeed implements IDisposable {
  constructor(
    private readonly _api: Pick<CloudMLApi, 'outputs'>,
    readonly jobId: string
  ) {}

  readonly fold = new OutputFold();

  /** More of the output is known, all of it (`isWhole`), or why it cannot be had (`error`). */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** Whether the job has ended and all of its output is here. */
  get isWhole(): boolean {
    return this._isWhole;
  }

  /** Whether the first answer has come. */
  get isReady(): boolean {
    return this._isReady;
  }

  get error(): string {
    return this._error;
  }

  get isDisposed(): boolean {
    return this._abort.signal.aborted;
  }

  dispose(): void {
    this._abort.abort();
    this._paced.dispose();
    Signal.clearData(this);
  }

  /** Bring what is new, soon. Cheap to call often. */
  pull(): void {
    this._paced.ask();
  }

  private async _bring(): Promise<void> {
    try {
      while (!this.isDisposed && (await this._bringOne()));
      this._error = '';
    } catch (error) {
      this._error = error instanceof Error ? error.message : String(error);
    }
    if (!this.isDisposed) {
      this._isReady = true;
      this._changed.emit();
    }
  }

  /** One answer; whether there may be more at once. */
  private async _bringOne(): Promise<boolean> {
    const chunk = await this._api.outputs(this.jobId, this._offset, this._abort.signal);
    chunk.outputs.forEach(event => this.fold.apply(event));
    const isMoved = chunk.next !== this._offset;
    this._offset = chunk.next;
    this._isWhole = chunk.final && !isMoved;
    if (isMoved) {
      this._isReady = true;
      this._changed.emit();
    }
    return isMoved;
  }

  private readonly _paced = new Paced(() => this._bring(), GAP_MS);
  private readonly _abort = new AbortController();
  private readonly _changed = new Signal<this, void>(this);
  private _offset = 0;
  private _isWhole = false;
  private _isReady = false;
  private _error = '';
}
