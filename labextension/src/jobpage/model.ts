import type { IDisposable } from '@lumino/disposable';
import { Signal, type ISignal } from '@lumino/signaling';

import type { CloudMLApi } from '../api/client';
import type { JobDetails, JobRow, MetricSeries, ResourceSample } from '../api/types';
import { JobModel, type CardStream } from '../card/model';
import { Loader } from '../model/loader';
import { Paced } from '../outputs/paced';
import type { Source } from './curves';

/** Curves are brought anew not oftener than this while the job moves. */
const CURVES_MS = 1_000;

/** How many jobs are offered to compare with. */
const OFFERED = 50;

export type PageApi = Pick<
  CloudMLApi,
  'job' | 'outputs' | 'cancel' | 'retry' | 'metrics' | 'resources' | 'details' | 'listJobs'
>;

/** What the page of one job shows. Each part is brought when it is first looked at, and again as the job moves. */
export class PageModel implements IDisposable {
  constructor(
    private readonly _api: PageApi,
    stream: CardStream,
    readonly jobId: string
  ) {
    this.job = new JobModel(null, jobId, { api: _api, stream });
    this.job.changed.connect(this._moved, this);
    for (const part of [this.details, this.metrics, this.resources]) {
      part.changed.connect(() => this._changed.emit());
    }
  }

  readonly job: JobModel;
  readonly details = new Part<JobDetails>(signal => this._api.details(this.jobId, signal));
  readonly metrics = new Part<ReadonlyMap<string, MetricSeries>>(signal =>
    this._api.metrics(this.jobId, signal)
  );
  readonly resources = new Part<ResourceSample[]>(signal =>
    this._api.resources(this.jobId, signal)
  );

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** The jobs whose curves are drawn beside this one's. */
  get others(): readonly Source[] {
    return this._others;
  }

  /** Draw the curves of another job too. Rejects with the server's reason. */
  async compare(row: Pick<JobRow, 'id' | 'name'>): Promise<void> {
    if (row.id === this.jobId || this._others.some(({ id }) => id === row.id)) {
      return;
    }
    const metrics = await this._api.metrics(row.id);
    this._others = [...this._others, { id: row.id, label: label(row), metrics }];
    this._changed.emit();
  }

  drop(id: string): void {
    this._others = this._others.filter(other => other.id !== id);
    this._changed.emit();
  }

  /** Jobs that fit some words, newest first, without this one and those that are compared already. */
  async candidates(text: string): Promise<JobRow[]> {
    const { jobs } = await this._api.listJobs({ text, limit: OFFERED });
    const taken = new Set([this.jobId, ...this._others.map(({ id }) => id)]);
    return jobs.filter(({ id }) => !taken.has(id));
  }

  get isDisposed(): boolean {
    return this.job.isDisposed;
  }

  dispose(): void {
    this.job.dispose();
    this.details.dispose();
    this.metrics.dispose();
    this.resources.dispose();
    Signal.clearData(this);
  }

  private _moved(): void {
    const { isOver } = this.job;
    this.metrics.refresh();
    this.resources.refresh();
    if (isOver !== this._wasOver) {
      this._wasOver = isOver;
      this.details.refresh();
    }
    this._changed.emit();
  }

  private readonly _changed = new Signal<this, void>(this);
  private _others: readonly Source[] = [];
  private _wasOver = false;
}

/** `train 3f2a91`: a name and enough of the id to tell two of one name apart. */
export function label(row: Pick<JobRow, 'id' | 'name'>): string {
  return `${row.name || 'job'} ${row.id.slice(0, 6)}`;
}

/** One answer of the server, asked for when it is first wanted and then at most once a second. */
export class Part<T> implements IDisposable {
  constructor(private readonly _ask: (signal: AbortSignal) => Promise<T>) {}

  /** Null until it is here. */
  get value(): T | null {
    return this._value;
  }

  get error(): Error | null {
    return this._loader.error;
  }

  get changed(): ISignal<Loader, void> {
    return this._loader.changed;
  }

  /** Somebody looks at it. */
  want(): void {
    if (!this._isWanted) {
      this._isWanted = true;
      this._paced.ask();
    }
  }

  /** It may have changed. */
  refresh(): void {
    if (this._isWanted) {
      this._paced.ask();
    }
  }

  get isDisposed(): boolean {
    return this._loader.isDisposed;
  }

  dispose(): void {
    this._paced.dispose();
    this._loader.dispose();
  }

  private readonly _loader = new Loader();
  private readonly _paced = new Paced(
    () =>
      this._loader.load(this._ask, value => {
        this._value = value;
      }),
    CURVES_MS
  );
  private _value: T | null = null;
  private _isWanted = false;
}
