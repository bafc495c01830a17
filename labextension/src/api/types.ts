/**
 * What the server says, as it says it (`jupyter_cloudml/server/openapi.yaml`). Times are Unix seconds, sizes bytes.
 */

export type JobState =
  'QUEUED' | 'STARTING' | 'RUNNING' | 'STOPPING' | 'SUCCEEDED' | 'FAILED' | 'CANCELLED' | 'LOST';

export const JOB_STATES: readonly JobState[] = [
  'QUEUED',
  'STARTING',
  'RUNNING',
  'STOPPING',
  'SUCCEEDED',
  'FAILED',
  'CANCELLED',
  'LOST'
];

const FINAL: ReadonlySet<string> = new Set(['SUCCEEDED', 'FAILED', 'CANCELLED', 'LOST']);

/** Whether a job in this state moves no more by itself (only a retry opens it again). */
export function isFinal(state: JobState): boolean {
  return FINAL.has(state);
}

export interface Resources {
  gpus: number;
  gpu_type: string;
  cpus: number;
  memory_mib: number;
  num_nodes: number;
  nproc_per_node: number;
}

/** One line of the list of jobs. */
export interface JobRow {
  id: string;
  name: string;
  kind: string;
  target: string;
  state: JobState;
  reason: string;
  intent: 'run' | 'cancel';
  ref: string;
  attempt: number;
  notebook: string;
  cell_id: string;
  experiment: string;
  run_id: string;
  experiment_id: string;
  tracking_uri: string;
  tracking_state: string;
  tracking_error: string;
  created_at: number;
  started_at: number | null;
  ended_at: number | null;
  updated_at: number;
  error: string;
  source_head: string;
  resources: Resources;
  elapsed_s: number | null;
}

export interface JobPage {
  jobs: JobRow[];
  total: number;
  counts: Partial<Record<JobState, number>>;
  seq: number;
  /** US dollars since midnight; null where no target knows a price. */
  cost_today?: number | null;
}

export interface JobQuery {
  state?: readonly JobState[];
  notebook?: string;
  experiment?: string;
  target?: string;
  text?: string;
  limit?: number;
  offset?: number;
}

export interface Progress {
  id: string;
  n: number;
  total: number | null;
  desc: string;
  done: boolean;
  rate: number | null;
  eta_s: number | null;
  started_at: number | null;
  updated_at: number | null;
}

/** A number, or the text `nan`, `inf` or `-inf`, which JSON has no numbers for. */
export type Value = number | string;

export interface MetricSummary {
  last: Value;
  step: number;
  count: number;
  min: Value;
  max: Value;
  points: [number, number][];
}

export interface GpuSample {
  i: number;
  /** Per cent. */
  util: number;
  mem: number;
  mem_total: number;
  watts: number;
  [key: string]: unknown;
}

export interface ResourceSample {
  t?: number;
  /** Per cent of one core. */
  cpu?: number;
  /** Bytes. */
  rss?: number;
  gpus?: GpuSample[];
  [key: string]: unknown;
}

/** What the bundle of `application/vnd.cloudml.job+json` holds (`client/snapshot.py`). */
export interface JobSnapshot {
  version: number;
  id: string;
  name: string;
  kind: string;
  target: string;
  state: JobState;
  reason: string;
  attempt: number;
  notebook: string;
  cell_id: string;
  created_at: number;
  started_at: number | null;
  ended_at: number | null;
  updated_at: number;
  elapsed_s: number | null;
  progress: Progress[];
  metrics: Record<string, MetricSummary>;
  requested: Resources;
  resources: ResourceSample;
  checkpoint: Record<string, unknown> | null;
  notes: string[];
  error: { type: string; message: string } | null;
  run_id: string;
  experiment: string;
  experiment_id: string;
  tracking_uri: string;
  links: { run?: string };
}

/** An output as nbformat writes it, or `{"output_type": "clear_output"}`, or an `update_display_data`. */
export interface OutputEvent {
  output_type: string;
  [key: string]: unknown;
}

export interface OutputChunk {
  outputs: OutputEvent[];
  next: number;
  final: boolean;
}

/** Every point is `[step, value, time]`. */
export interface MetricSeries {
  points: [number, number, number][];
  last: Value | null;
}

export interface JobDetails {
  spec: Record<string, unknown>;
  bundle: BundleEntry[];
  environment: string | null;
  source: string;
  executed: string | null;
  lineage: {
    run?: Record<string, unknown> | null;
    models?: Record<string, unknown>[];
    experiment?: string | null;
  };
}

export interface BundleEntry {
  name: string;
  how: string;
  bytes: number;
  note: string;
}

export interface RunNotebookRequest {
  path: string;
  target: string;
  options?: Record<string, unknown>;
}

export interface Run {
  run_id: string;
  name: string;
  status: string;
  start_time: number | null;
  end_time: number | null;
  job_id: string | null;
  params: Record<string, string>;
  metrics: Record<string, Value | null>;
  tags: Record<string, string>;
}

export interface RunPage {
  runs: Run[];
  total: number;
  metrics: string[];
  params: string[];
  /** Whether a tracking server's runs are still being fetched. */
  syncing?: boolean;
  /** Since when that server has not answered; null while it does. */
  away_since?: number | null;
}

export interface RunQuery {
  experiment?: string;
  text?: string;
  /** Only these runs. */
  run_id?: readonly string[];
  /** `metrics.loss`, `params.lr` or an attribute such as `start_time`. */
  sort?: string;
  order?: 'asc' | 'desc';
  limit?: number;
  offset?: number;
}

export interface Experiment {
  id: string;
  name: string;
  runs: number;
}

export interface Capacity {
  total: number;
  free: number;
}

export interface Target {
  name: string;
  kind: string;
  health: 'ok' | 'degraded' | 'down';
  message: string;
  gpus: Capacity;
  cpus: Capacity;
  /** In MiB. */
  memory: Capacity;
  queued: number;
  running: number;
}

export interface ServerConfig {
  defaults: Record<string, unknown>;
  tracking_uri: string;
  home: string;
  version: string;
}

export interface Tool {
  url: string;
  state: 'starting' | 'ready';
}

export type ToolName = 'mlflow' | 'tensorboard';

/** What one event of the job stream carries. */
export interface JobChange {
  id: string;
  state: JobState;
  updated_at: number;
  elapsed_s?: number | null;
  progress?: Progress[] | null;
  /** Empty until MLflow has the run of the job. */
  run_id?: string;
}

export interface JobChanges {
  seq: number;
  changed: JobChange[];
  counts: Partial<Record<JobState, number>>;
}
