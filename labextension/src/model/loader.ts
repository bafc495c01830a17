import type { IDisposable } from '@lumino/disposable';
import { Signal, type ISignal } from '@lumino/signaling';

/** `loading` only before the first answer; later answers replace what is shown without a flash. */
export type Phase = 'idle' | 'loading' | 'ready' | 'error';

/**
 * One request at a time, and the last word wins: an answer that a newer request overtook is dropped.
 */
export class Loader implements IDisposable {
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get phase(): Phase {
    return this._phase;
  }

  get error(): Error | null {
    return this._error;
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  /** Resolves when this answer is in or dropped; never rejects. `take` runs before `changed`. */
  async load<T>(
    ask: (signal: AbortSignal) => Promise<T>,
    take: (answer: T) => void
  ): Promise<void> {
    this._abort?.abort();
    const abort = (this._abort = new AbortController());
    if (this._phase !== 'ready') {
      this._set('loading', null);
    }
    try {
      const answer = await ask(abort.signal);
      if (!abort.signal.aborted) {
        take(answer);
        this._set('ready', null);
      }
    } catch (error) {
      if (!abort.signal.aborted) {
        this._set('error', error instanceof Error ? error : new Error(String(error)));
      }
    }
  }

  dispose(): void {
    this._isDisposed = true;
    this._abort?.abort();
    Signal.clearData(this);
  }

  private _set(phase: Phase, error: Error | null): void {
    this._phase = phase;
    this._error = error;
    this._changed.emit();
  }

  private readonly _changed = new Signal<this, void>(this);
  private _abort: AbortController | null = null;
  private _phase: Phase = 'idle';
  private _error: Error | null = null;
  private _isDisposed = false;
}
