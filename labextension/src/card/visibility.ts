import type { IDisposable } from '@lumino/disposable';
import { Signal, type ISignal } from '@lumino/signaling';

/** Whether somebody can see an element: it is on the screen, and its browser tab is in front. */
export class Visibility implements IDisposable {
  constructor(private readonly _node: Element) {}

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get isVisible(): boolean {
    return this._isOnScreen && !document.hidden;
  }

  observe(): void {
    document.addEventListener('visibilitychange', this._tell);
    if (typeof IntersectionObserver === 'undefined') {
      this._set(true);
      return;
    }
    this._observer = new IntersectionObserver(entries =>
      this._set(entries.at(-1)?.isIntersecting ?? false)
    );
    this._observer.observe(this._node);
  }

  unobserve(): void {
    document.removeEventListener('visibilitychange', this._tell);
    this._observer?.disconnect();
    this._observer = null;
    this._set(false);
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  dispose(): void {
    if (!this._isDisposed) {
      this._isDisposed = true;
      Signal.clearData(this);
      this.unobserve();
    }
  }

  private _set(isOnScreen: boolean): void {
    if (isOnScreen !== this._isOnScreen) {
      this._isOnScreen = isOnScreen;
      this._tell();
    }
  }

  private readonly _tell = (): void => {
    this._changed.emit();
  };

  private readonly _changed = new Signal<this, void>(this);
  private _observer: IntersectionObserver | null = null;
  private _isOnScreen = false;
  private _isDisposed = false;
}
