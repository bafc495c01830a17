import { Signal } from '@lumino/signaling';

import type { JobChanges } from '../api/types';
import { CountsModel } from './counts';

const owner = {};

function made(answers: { counts: object; cost_today?: number | null }[]) {
  const changed = new Signal<object, JobChanges>(owner);
  const reconnected = new Signal<object, void>(owner);
  const listJobs = jest.fn(async () => ({ jobs: [], total: 0, seq: 1, ...answers.shift()! }));
  const model = new CountsModel({ listJobs }, { changed, reconnected } as never);
  const shown: (number | null)[][] = [];
  model.changed.connect(() => shown.push([model.running, model.queued, model.costToday]));
  return { model, listJobs, changed, shown };
}

const tell = (counts: object): JobChanges => ({ seq: 2, changed: [], counts });

describe('the counts of jobs', () => {
  it('are told by the stream and asked for once where no cost is known', async () => {
    const { model, listJobs, changed, shown } = made([
      { counts: { RUNNING: 1 }, cost_today: null }
    ]);
    await model.refresh();
    changed.emit(tell({ RUNNING: 1, QUEUED: 2 }));
    changed.emit(tell({ RUNNING: 1, QUEUED: 2 }));
    expect(shown).toEqual([
      [1, 0, null],
      [1, 2, null]
    ]);
    expect(listJobs).toHaveBeenCalledTimes(1);
  });

  it('ask for the cost anew when jobs begin and end', async () => {
    const { model, listJobs, changed, shown } = made([
      { counts: { RUNNING: 1 }, cost_today: 1.5 },
      { counts: {}, cost_today: 2 }
    ]);
    await model.refresh();
    changed.emit(tell({ RUNNING: 1 }));
    expect(listJobs).toHaveBeenCalledTimes(1);
    changed.emit(tell({ SUCCEEDED: 1 }));
    await new Promise(resolve => setTimeout(resolve));
    expect(shown[shown.length - 1]).toEqual([0, 0, 2]);
    expect(listJobs).toHaveBeenCalledTimes(2);
  });

  it('know no cost of a server that tells none', async () => {
    const { model } = made([{ counts: { RUNNING: 1 } }]);
    await model.refresh();
    expect(model.costToday).toBeNull();
  });
});
