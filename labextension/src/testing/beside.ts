import { Signal } from '@lumino/signaling';

import type { IJobStream } from '../api/stream';
import type { JobChanges, Run, RunPage } from '../api/types';
import { Comparison } from '../model/comparison';

/** A comparison whose server has these runs; `server.rows` may be changed, `changed` be told of. */
export function beside(
  runs: readonly Run[],
  preferred = '',
  curves: Record<string, [number, number][]> = {}
) {
  const changed = new Signal<IJobStream, JobChanges>({} as IJobStream);
  const stream = { changed, reconnected: new Signal<IJobStream, void>({} as IJobStream) };
  const server = {
    rows: [...runs],
    runs: jest.fn(async (): Promise<RunPage> => ({
      runs: server.rows,
      total: server.rows.length,
      metrics: [],
      params: []
    })),
    curves: jest.fn(async () => curves)
  };
  const comparison = new Comparison(server, stream, runs, preferred);
  return { comparison, server, changed };
}

/** Shown, and its first answer here. */
export async function shown(comparison: Comparison): Promise<void> {
  const ready = new Promise<void>(resolve =>
    comparison.changed.connect(() => comparison.phase === 'ready' && resolve())
  );
  comparison.setVisible(true);
  await ready;
}
