import type { JobRow, Run, Target } from '../api/types';

/** A job as the server tells it, with what the test is about in place of the usual. */
export function jobRow(part: Partial<JobRow> = {}): JobRow {
  return {
    id: '0123456789ab',
    name: 'train',
    kind: 'cell',
    target: 'local',
    state: 'SUCCEEDED',
    reason: '',
    intent: 'run',
    ref: '',
    attempt: 1,
    notebook: 'digits.ipynb',
    cell_id: 'c1',
    experiment: 'digits',
    run_id: '',
    experiment_id: '',
    tracking_uri: '',
    tracking_state: 'ended',
    tracking_error: '',
    created_at: 1_700_000_000,
    started_at: 1_700_000_001,
    ended_at: 1_700_000_011,
    updated_at: 1_700_000_011,
    error: '',
    source_head: 'for epoch in range(10):',
    resources: { gpus: 0, gpu_type: '', cpus: 1, memory_mib: 0, num_nodes: 1, nproc_per_node: 1 },
    elapsed_s: 10,
    ...part
  };
}

export function run(part: Partial<Run> = {}): Run {
  return {
    run_id: 'r1',
    name: 'train',
    status: 'FINISHED',
    start_time: 1_700_000_000,
    end_time: 1_700_000_010,
    job_id: null,
    params: {},
    metrics: {},
    tags: {},
    ...part
  };
}

export function target(part: Partial<Target> = {}): Target {
  return {
    name: 'local',
    kind: 'local',
    health: 'ok',
    message: '',
    gpus: { total: 0, free: 0 },
    cpus: { total: 2, free: 1 },
    memory: { total: 16_384, free: 8_192 },
    queued: 0,
    running: 1,
    ...part
  };
}
