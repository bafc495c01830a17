import { nullTranslator } from '@jupyterlab/translation';

import type { Target } from '../api/types';
import { choices, HERE, targetText } from './choices';

const trans = nullTranslator.load('');

const target = (part: Partial<Target>): Target => ({
  name: 'local',
  kind: 'local',
  health: 'ok',
  message: '',
  gpus: { total: 0, free: 0 },
  cpus: { total: 2, free: 1 },
  memory: { total: 0, free: 0 },
  queued: 0,
  running: 0,
  ...part
});

describe('the text after --on', () => {
  it('is the kind alone for the default, else kind and name', () => {
    expect(targetText({ kind: 'local', name: 'local' })).toBe('local');
    expect(targetText({ kind: 'slurm', name: 'default' })).toBe('slurm');
    expect(targetText({ kind: 'slurm', name: 'hpc' })).toBe('slurm:hpc');
    expect(targetText({ kind: 'slurm', name: 'slurm:hpc' })).toBe('slurm:hpc');
  });
});

describe('the menu', () => {
  it('begins with the kernel itself', () => {
    expect(choices([], trans).map(choice => choice.target)).toEqual([HERE]);
  });

  it('says what is free, GPUs where there are any, and how many wait', () => {
    const labels = choices(
      [target({}), target({ kind: 'slurm', name: 'hpc', gpus: { total: 8, free: 3 }, queued: 2 })],
      trans
    ).map(choice => choice.label);
    expect(labels).toEqual([
      'Here (this kernel)',
      'local — 1/2 CPUs free',
      'slurm:hpc — 3/8 GPUs free · 2 jobs wait'
    ]);
  });

  it('says in words that a target is ill, and why in the caption', () => {
    const [, down, degraded] = choices(
      [
        target({ health: 'down', message: 'the agent does not answer' }),
        target({ health: 'degraded' })
      ],
      trans
    );
    expect(down.label).toBe('local — unavailable');
    expect(down.caption).toBe('the agent does not answer');
    expect(degraded.label).toBe('local — degraded · 1/2 CPUs free');
  });
});
