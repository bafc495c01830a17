import type { IDisposable } from '@lumino/disposable';
import { Signal, type ISignal } from '@lumino/signaling';

import type { CloudMLApi } from '../api/client';
import type { Run, Value } from '../api/types';
import { Loader, type Phase } from './loader';

export interface Parameter {
  name: string;
  /** One for each run, `undefined` where the run has none. */
  values: readonly (string | undefined)[];
  isSame: boolean;
}

export interface LastMetric {
  name: string;
  values: readonly (Value | null | undefined)[];
}

/** Runs beside each other: the curve of one metric, all parameters, all last values. */
export class Comparison implements IDisposable {
  constructor(
    private readonly _api: Pick<CloudMLApi, 'curves'>,
    readonly runs: readonly Run[],
    preferred = ''
  ) {
    this.metrics = names(runs.map(run => run.metrics)).filter(name => !name.startsWith('system/'));
    this.params = compare(runs);
    this.last = this.metrics.map(name => ({ name, values: runs.map(run => run.metrics[name]) }));
    this._metric = this.metrics.includes(preferred) ? preferred : (this.metrics[0] ?? '');
    this._loader.changed.connect(() => this._changed.emit(), this);
    void this.refresh();
  }

  readonly metrics: readonly string[];
  readonly params: readonly Parameter[];
  readonly last: readonly LastMetric[];

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get phase(): Phase {
    return this._loader.phase;
  }

  get error(): Error | null {
    return this._loader.error;
  }

  get metric(): string {
    return this._metric;
  }

  /** By run; empty until they are here. */
  get curves(): Readonly<Record<string, [number, number][]>> {
    return this._curves;
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  setMetric(metric: string): void {
    this._metric = metric;
    void this.refresh();
  }

  async refresh(): Promise<void> {
    if (!this._metric) {
      return;
    }
    const ids = this.runs.map(run => run.run_id);
    await this._loader.load(
      signal => this._api.curves(ids, this._metric, signal),
      curves => (this._curves = curves)
    );
  }

  dispose(): void {
    this._isDisposed = true;
    this._loader.dispose();
    Signal.clearData(this);
  }

  private readonly _loader = new Loader();
  private readonly _changed = new Signal<this, void>(this);
  private _metric: string;
  private _curves: Record<string, [number, number][]> = {};
  private _isDisposed = false;
}

/** Parameters of all runs, those that differ first: they are why one compares. */
export function compare(runs: readonly Run[]): Parameter[] {
  const all = names(runs.map(run => run.params)).map(name => {
    const values = runs.map(run => run.params[name] as string | undefined);
    return { name, values, isSame: values.every(value => value === values[0]) };
  });
  return [...all.filter(param => !param.isSame), ...all.filter(param => param.isSame)];
}

function names(records: readonly Record<string, unknown>[]): string[] {
  return [...new Set(records.flatMap(record => Object.keys(record)))].sort();
}
