import { Signal } from '@lumino/signaling';

import type { IJobStream } from '../api/stream';
import type { JobChanges, JobState, RunPage, RunQuery } from '../api/types';
import { run } from '../testing/rows';
import { Comparison, compare } from './comparison';
import { PAUSE_MS, RunsModel } from './runs';

class FakeServer {
  readonly asked: RunQuery[] = [];
  page: RunPage = {
    runs: [run({ run_id: 'a' }), run({ run_id: 'b' })],
    total: 2,
    metrics: ['acc', 'loss', 'system/cpu', 'val/a', 'val/b', 'val/c'],
    params: []
  };

  async runs(query: RunQuery = {}): Promise<RunPage> {
    this.asked.push(query);
    return this.page;
  }

  async experiments() {
    return [{ id: '1', name: 'digits', runs: 2 }];
  }
}

const settled = () => jest.advanceTimersByTimeAsync(PAUSE_MS + 1);

describe('the runs', () => {
  let server: FakeServer;
  let changed: Signal<IJobStream, JobChanges>;
  let model: RunsModel;

  const move = (id: string, state: JobState, run_id = '') =>
    changed.emit({ seq: 1, changed: [{ id, state, updated_at: 1, run_id }], counts: {} });

  beforeEach(async () => {
    jest.useFakeTimers();
    server = new FakeServer();
    changed = new Signal({} as IJobStream);
    model = new RunsModel(server, { changed, reconnected: new Signal({} as IJobStream) });
    model.setVisible(true);
    await settled();
  });

  afterEach(() => {
    model.dispose();
    jest.useRealTimers();
  });

  it('come newest first, and then in the order of a metric that is turned by a second click', async () => {
    model.sortBy('metrics.loss');
    model.sortBy('metrics.loss');
    await settled();
    const orders = server.asked.map(({ sort, order }) => [sort, order]);
    expect(orders).toEqual([
      ['start_time', 'desc'],
      ['metrics.loss', 'asc'],
      ['metrics.loss', 'desc']
    ]);
  });

  it('have columns for a few metrics, the pinned first, and for the one that sorts', () => {
    expect(model.columns).toEqual(['acc', 'loss', 'val/a', 'val/b']);
    model.setPinned(['val/b', 'unknown']);
    expect(model.columns).toEqual(['val/b', 'acc', 'loss', 'val/a']);
    model.sortBy('metrics.val/c');
    expect(model.columns).toEqual(['val/b', 'acc', 'loss', 'val/a', 'val/c']);
  });

  it('are fetched once for jobs that move together, and not for progress', async () => {
    move('x', 'RUNNING');
    move('y', 'RUNNING');
    move('x', 'RUNNING');
    await settled();
    expect(server.asked).toHaveLength(2);
    move('x', 'RUNNING');
    await settled();
    expect(server.asked).toHaveLength(2);
  });

  it('are fetched when a job that goes on has got its run, and when that is heard of after its end', async () => {
    move('x', 'RUNNING');
    await settled();
    move('x', 'RUNNING', 'r1');
    await settled();
    expect(server.asked).toHaveLength(3);
    move('x', 'SUCCEEDED', 'r1');
    await settled();
    move('x', 'SUCCEEDED', 'r1');
    await settled();
    expect(server.asked).toHaveLength(5);
  });

  it('are left alone while nobody looks', async () => {
    model.setVisible(false);
    move('x', 'SUCCEEDED');
    await settled();
    expect(server.asked).toHaveLength(1);
  });

  it('stay chosen in another order, but not in another experiment', async () => {
    model.choose(run({ run_id: 'b' }), true);
    model.sortBy('metrics.loss');
    await settled();
    expect(model.chosen.map(one => one.run_id)).toEqual(['b']);
    model.setQuery({ experiment: 'other' });
    expect(model.chosen).toEqual([]);
  });
});

describe('runs beside each other', () => {
  const runs = [
    run({ run_id: 'a', params: { lr: '0.1', depth: '3' }, metrics: { loss: 1 } }),
    run({ run_id: 'b', params: { lr: '0.2', depth: '3', seed: '1' }, metrics: { acc: 0.5 } })
  ];

  it('show first the parameters that differ', () => {
    expect(compare(runs)).toEqual([
      { name: 'lr', values: ['0.1', '0.2'], isSame: false },
      { name: 'seed', values: [undefined, '1'], isSame: false },
      { name: 'depth', values: ['3', '3'], isSame: true }
    ]);
  });

  it('ask for the curves of the chosen metric', async () => {
    const curves = jest.fn(async () => ({ a: [[0, 1] as [number, number]] }));
    const comparison = new Comparison({ curves }, runs);
    await new Promise<void>(resolve =>
      comparison.changed.connect(() => comparison.phase === 'ready' && resolve())
    );
    expect(curves).toHaveBeenCalledWith(['a', 'b'], 'acc', expect.anything());
    expect(comparison.curves).toEqual({ a: [[0, 1]] });
    comparison.dispose();
  });
});
