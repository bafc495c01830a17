import type { IDisposable } from '@lumino/disposable';

/**
 * Does `work` when asked, at once, but never twice at a time and not sooner than `gapMs` after the last beginning.
 * However often it was asked meanwhile, it is done once more: the last change is never missed.
 */
export class Paced implements IDisposable {
  constructor(
    private readonly _work: () => Promise<void>,
    private readonly _gapMs: number
  ) {}

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  dispose(): void {
    this._isDisposed = true;
    clearTimeout(this._timer);
  }

  ask(): void {
    this._isAsked = true;
    if (this._isWorking || this._timer !== undefined || this._isDisposed) {
      return;
    }
    const wait = this._beganAt + this._gapMs - performance.now();
    if (wait <= 0) {
      void this._begin();
    } else {
      this._timer = setTimeout(() => void this._begin(), wait);
    }
  }

  private async _begin(): Promise<void> {
    this._timer = undefined;
    this._isAsked = false;
    this._isWorking = true;
    this._beganAt = performance.now();
    try {
      await this._work();
    } finally {
      this._isWorking = false;
    }
    if (this._isAsked && !this._isDisposed) {
      this.ask();
    }
  }

  private _timer: ReturnType<typeof setTimeout> | undefined;
  private _beganAt = -Infinity;
  private _isAsked = false;
  private _isWorking = false;
  private _isDisposed = false;
}
