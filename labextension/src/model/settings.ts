import { Signal, type ISignal } from '@lumino/signaling';

/** The user's settings of the panel (`schema/panel.json`), live. */
export class PanelSettings {
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** One line for each job. */
  get isCompact(): boolean {
    return this._isCompact;
  }

  /** Metrics that have a column in the table of runs, before all others. */
  get runMetrics(): readonly string[] {
    return this._runMetrics;
  }

  /** Takes what the settings system knows; anything else than the schema allows counts as the default. */
  take(composite: Readonly<Record<string, unknown>>): void {
    this._isCompact = composite.compact === true;
    const names = Array.isArray(composite.runMetrics) ? composite.runMetrics : [];
    this._runMetrics = names.filter((name): name is string => typeof name === 'string');
    this._changed.emit();
  }

  private readonly _changed = new Signal<this, void>(this);
  private _isCompact = false;
  private _runMetrics: readonly string[] = [];
}
