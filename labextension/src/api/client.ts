import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';

import type {
  Experiment,
  JobDetails,
  JobPage,
  JobQuery,
  JobRow,
  JobSnapshot,
  MetricSeries,
  OutputChunk,
  ResourceSample,
  RunNotebookRequest,
  RunPage,
  RunQuery,
  ServerConfig,
  Target,
  Tool,
  ToolName
} from './types';

const ROOT = 'cloudml';

/** Why the server said no: one sentence for the user, and the way out where there is one. */
export class ApiError extends Error {
  constructor(
    message: string,
    readonly status: number,
    readonly hint = '',
    readonly code = ''
  ) {
    super(message);
    this.name = 'ApiError';
  }
}

type Query = Record<string, string | number | readonly string[] | undefined>;

/** The server's routes as methods. Every one fails with an `ApiError`, also where the server cannot be reached. */
export class CloudMLApi {
  constructor(
    readonly serverSettings: ServerConnection.ISettings = ServerConnection.makeSettings()
  ) {}

  listJobs(query: JobQuery = {}, signal?: AbortSignal): Promise<JobPage> {
    const state = query.state?.length ? query.state.join(',') : undefined;
    return this._get<JobPage>('jobs', { ...query, state }, signal);
  }

  async job(id: string, signal?: AbortSignal): Promise<JobSnapshot> {
    return (await this._get<{ job: JobSnapshot }>(jobPath(id), {}, signal)).job;
  }

  outputs(id: string, offset = 0, signal?: AbortSignal): Promise<OutputChunk> {
    return this._get<OutputChunk>(jobPath(id, 'outputs'), { offset }, signal);
  }

  /** By name: users name metrics, and a `Map` takes any name. */
  async metrics(id: string, signal?: AbortSignal): Promise<ReadonlyMap<string, MetricSeries>> {
    type Answer = { metrics: Record<string, MetricSeries> };
    const { metrics } = await this._get<Answer>(jobPath(id, 'metrics'), {}, signal);
    return new Map(Object.entries(metrics));
  }

  async resources(id: string, signal?: AbortSignal): Promise<ResourceSample[]> {
    const path = jobPath(id, 'resources');
    return (await this._get<{ resources: ResourceSample[] }>(path, {}, signal)).resources;
  }

  details(id: string, signal?: AbortSignal): Promise<JobDetails> {
    return this._get<JobDetails>(jobPath(id, 'details'), {}, signal);
  }

  async cancel(id: string): Promise<JobRow> {
    return (await this._post<{ job: JobRow }>(jobPath(id, 'cancel'))).job;
  }

  async retry(id: string): Promise<JobRow> {
    return (await this._post<{ job: JobRow }>(jobPath(id, 'retry'))).job;
  }

  async runNotebook(request: RunNotebookRequest): Promise<JobRow> {
    return (await this._post<{ job: JobRow }>('jobs/run-notebook', request)).job;
  }

  runs(query: RunQuery = {}, signal?: AbortSignal): Promise<RunPage> {
    return this._get<RunPage>('runs', { ...query }, signal);
  }

  /** `{run_id: [[step, value], …]}` of one metric. */
  async curves(
    runIds: readonly string[],
    metric: string,
    signal?: AbortSignal
  ): Promise<Record<string, [number, number][]>> {
    const query = { run_id: runIds, metric };
    type Answer = { curves: Record<string, [number, number][]> };
    return (await this._get<Answer>('runs/curves', query, signal)).curves;
  }

  async experiments(signal?: AbortSignal): Promise<Experiment[]> {
    return (await this._get<{ experiments: Experiment[] }>('experiments', {}, signal)).experiments;
  }

  async targets(signal?: AbortSignal): Promise<Target[]> {
    return (await this._get<{ targets: Target[] }>('targets', {}, signal)).targets;
  }

  config(signal?: AbortSignal): Promise<ServerConfig> {
    return this._get<ServerConfig>('config', {}, signal);
  }

  openTool(name: ToolName, options: { logdir?: string } = {}): Promise<Tool> {
    return this._post<Tool>(`tools/${name}`, options);
  }

  private _get<T>(path: string, query: Query, signal?: AbortSignal): Promise<T> {
    return this._request<T>(path + queryString(query), { method: 'GET', signal });
  }

  private _post<T>(path: string, body: object = {}): Promise<T> {
    return this._request<T>(path, { method: 'POST', body: JSON.stringify(body) });
  }

  private async _request<T>(path: string, init: RequestInit): Promise<T> {
    const { serverSettings } = this;
    const url = URLExt.join(serverSettings.baseUrl, ROOT, path);
    let response: Response;
    try {
      response = await ServerConnection.makeRequest(url, init, serverSettings);
    } catch (error) {
      if (init.signal?.aborted) {
        throw error;
      }
      throw new ApiError('The Jupyter server cannot be reached', 0);
    }
    if (!response.ok) {
      throw await refusal(response);
    }
    return (await response.json()) as T;
  }
}

function jobPath(id: string, part = ''): string {
  return URLExt.join('jobs', encodeURIComponent(id), part);
}

function queryString(query: Query): string {
  const pairs = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) {
    if (value === undefined || value === '') {
      continue;
    }
    for (const one of Array.isArray(value) ? (value as readonly string[]) : [String(value)]) {
      pairs.append(key, one);
    }
  }
  const text = pairs.toString();
  return text ? `?${text}` : '';
}

async function refusal(response: Response): Promise<ApiError> {
  let body: { message?: unknown; hint?: unknown; code?: unknown } = {};
  try {
    body = (await response.json()) as typeof body;
  } catch {
    // a proxy's own page, not ours: the status must do
  }
  const text = (value: unknown): string => (typeof value === 'string' ? value : '');
  const fallback = `The server answered ${response.status} ${response.statusText}`.trim();
  return new ApiError(
    text(body.message) || fallback,
    response.status,
    text(body.hint),
    text(body.code)
  );
}
