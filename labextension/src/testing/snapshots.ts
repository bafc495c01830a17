import type { JobSnapshot } from '../api/types';

/** A job as a card shows it, with what the test is about in place of the usual. */
export function jobSnapshot(part: Partial<JobSnapshot> = {}): JobSnapshot {
  return {
    version: 1,
    id: '0123456789ab',
    name: 'train',
    kind: 'cell',
    target: 'local',
    state: 'RUNNING',
    reason: '',
    attempt: 1,
    notebook: 'digits.ipynb',
    cell_id: 'c1',
    created_at: 1_700_000_000,
    started_at: 1_700_000_001,
    ended_at: null,
    updated_at: 1_700_000_011,
    elapsed_s: 10,
    progress: [],
    metrics: {},
    requested: { gpus: 0, gpu_type: '', cpus: 1, memory_mib: 0, num_nodes: 1, nproc_per_node: 1 },
    resources: {},
    checkpoint: null,
    notes: [],
    error: null,
    run_id: '',
    experiment: 'digits',
    experiment_id: '',
    tracking_uri: '',
    links: {},
    ...part
  };
}
