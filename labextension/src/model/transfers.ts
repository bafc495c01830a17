import { Signal, type ISignal } from '@lumino/signaling';

import type { OnBytes } from '../api/data';

/** Something that goes up or down. `rate` is in bytes a second, 0 where it is not known yet. */
export interface Transfer {
  readonly id: number;
  readonly name: string;
  readonly direction: 'up' | 'down';
  done: number;
  total: number;
  rate: number;
  state: 'running' | 'done' | 'failed' | 'cancelled';
  error: Error | null;
}

/** How long a transfer that ended well is still shown. */
export const SHOWN_MS = 4_000;

/** The transfers of this page: what they did, and a way to stop them. */
export class Transfers {
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get all(): readonly Transfer[] {
    return this._all;
  }

  /** Runs `move` and shows it. Resolves to what it gave, undefined where it failed or was cancelled. */
  async run<T>(
    name: string,
    direction: Transfer['direction'],
    move: (onBytes: OnBytes, signal: AbortSignal) => Promise<T>
  ): Promise<T | undefined> {
    const transfer: Transfer = {
      id: this._next++,
      name,
      direction,
      done: 0,
      total: 0,
      rate: 0,
      state: 'running',
      error: null
    };
    const abort = new AbortController();
    this._aborts.set(transfer.id, abort);
    this._all = [...this._all, transfer];
    this._changed.emit();
    const began = Date.now();
    try {
      const found = await move((done, total) => {
        const seconds = (Date.now() - began) / 1000;
        Object.assign(transfer, { done, total, rate: seconds > 0 ? done / seconds : 0 });
        this._changed.emit();
      }, abort.signal);
      transfer.state = 'done';
      window.setTimeout(() => this.forget(transfer.id), SHOWN_MS);
      return found;
    } catch (error) {
      transfer.state = abort.signal.aborted ? 'cancelled' : 'failed';
      transfer.error = error instanceof Error ? error : new Error(String(error));
      if (transfer.state === 'cancelled') {
        this.forget(transfer.id);
      }
      return undefined;
    } finally {
      this._aborts.delete(transfer.id);
      this._changed.emit();
    }
  }

  cancel(id: number): void {
    this._aborts.get(id)?.abort();
  }

  /** Shows it no more. */
  forget(id: number): void {
    this._all = this._all.filter(transfer => transfer.id !== id);
    this._changed.emit();
  }

  private readonly _changed = new Signal<this, void>(this);
  private readonly _aborts = new Map<number, AbortController>();
  private _all: readonly Transfer[] = [];
  private _next = 1;
}
