import type { CloudMLApi } from '../api/client';
import type { JobChanges, Run, Value } from '../api/types';
import { LiveModel, type Stream } from './live';
import { own } from './own';
import { PAUSE_MS } from './runs';

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

type Api = Pick<CloudMLApi, 'runs' | 'curves'>;

/**
 * Runs beside each other: the curve of one metric, all parameters, all last values. Fetched again when one of their jobs
 * moves while somebody looks: what a job logged last is in its run a little after the job ended.
 */
export class Comparison extends LiveModel {
  constructor(
    private readonly _api: Api,
    stream: Stream,
    runs: readonly Run[],
    preferred = ''
  ) {
    super(stream, PAUSE_MS);
    this._runs = runs;
    this._metric = preferred;
    this._choose();
  }

  get runs(): readonly Run[] {
    return this._runs;
  }

  get metrics(): readonly string[] {
    return names(this._runs.map(run => run.metrics)).filter(name => !name.startsWith('system/'));
  }

  get params(): readonly Parameter[] {
    return compare(this._runs);
  }

  get last(): readonly LastMetric[] {
    return this.metrics.map(name => ({
      name,
      values: this._runs.map(run => own(run.metrics, name))
    }));
  }

  get metric(): string {
    return this._metric;
  }

  /** By run; empty until they are here. */
  get curves(): Readonly<Record<string, [number, number][]>> {
    return this._curves;
  }

  setMetric(metric: string): void {
    this._metric = metric;
    void this.refresh();
  }

  protected async fetch(): Promise<void> {
    const ids = this._runs.map(run => run.run_id);
    await this.loader.load(
      async signal => {
        const { runs } = await this._api.runs({ run_id: ids, limit: ids.length }, signal);
        const found = new Map(runs.map(run => [run.run_id, run]));
        this._runs = this._runs.map(run => found.get(run.run_id) ?? run);
        this._choose();
        return this._metric ? await this._api.curves(ids, this._metric, signal) : {};
      },
      curves => (this._curves = curves)
    );
  }

  protected take({ changed }: JobChanges): void {
    const jobs = new Set(this._runs.map(run => run.job_id));
    if (changed.some(one => jobs.has(one.id))) {
      this.missed();
    }
  }

  /** The metric that is shown is one that there is. */
  private _choose(): void {
    const known = this.metrics;
    if (!known.includes(this._metric)) {
      this._metric = known[0] ?? '';
    }
  }

  private _runs: readonly Run[];
  private _metric: string;
  private _curves: Record<string, [number, number][]> = {};
}

/** Parameters of all runs, those that differ first: they are why one compares. */
export function compare(runs: readonly Run[]): Parameter[] {
  const all = names(runs.map(run => run.params)).map(name => {
    const values = runs.map(run => own(run.params, name));
    return { name, values, isSame: values.every(value => value === values[0]) };
  });
  return [...all.filter(param => !param.isSame), ...all.filter(param => param.isSame)];
}

function names(records: readonly Record<string, unknown>[]): string[] {
  return [...new Set(records.flatMap(record => Object.keys(record)))].sort();
}
