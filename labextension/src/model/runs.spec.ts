import { Signal } from '@lumino/signaling';

import type { IJobStream } from '../api/stream';
import type { JobChanges, JobState, RunPage, RunQuery } from '../api/types';
import { beside, shown } from '../testing/beside';
import { run } from '../testing/rows';
import { compare } from './comparison';
import { AWAY_MS, PAUSE_MS, RunsModel, SYNCING_MS } from './runs';

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

  it('asks again while the server of the runs is copied or away, and only then and while somebody looks', async () => {
    model.setVisible(true);
    await settled();
    const asked = (): number => server.asked.length;
    let before = asked();
    await jest.advanceTimersByTimeAsync(10 * AWAY_MS);
    expect(asked()).toBe(before);

    server.page = { ...server.page, syncing: true, away_since: null };
    await model.refresh();
    expect(model.isSyncing).toBe(true);
    before = asked();
    server.page = { ...server.page, syncing: false, away_since: 1_700_000_000 };
    await jest.advanceTimersByTimeAsync(SYNCING_MS);
    expect(asked()).toBe(before + 1);
    expect([model.isSyncing, model.awaySince]).toEqual([false, 1_700_000_000]);

    model.setVisible(false);
    await jest.advanceTimersByTimeAsync(3 * AWAY_MS);
    expect(asked()).toBe(before + 1);
    model.setVisible(true);
    server.page = { ...server.page, away_since: null };
    await jest.advanceTimersByTimeAsync(AWAY_MS);
    expect(model.awaySince).toBeNull();
  });

  it('compares chosen runs as they are now, not as they were when they were chosen', async () => {
    model.choose(run({ run_id: 'a' }), true);
    server.page = { ...server.page, runs: [run({ run_id: 'a', metrics: { loss: 0.5 } })] };
    await model.refresh();
    expect(model.chosen.map(({ metrics }) => metrics)).toEqual([{ loss: 0.5 }]);
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
    const { comparison, server } = beside(runs, '', { a: [[0, 1]] });
    await shown(comparison);
    expect(server.curves).toHaveBeenCalledWith(['a', 'b'], 'acc', expect.anything());
    expect(comparison.curves).toEqual({ a: [[0, 1]] });
    comparison.dispose();
  });

  it('move with their jobs: a run that had no metric yet gets its curve', async () => {
    jest.useFakeTimers();
    const young = run({ run_id: 'a', job_id: 'job-a', metrics: {} });
    const { comparison, server, changed } = beside([young]);
    comparison.setVisible(true);
    await settled();
    expect([comparison.metrics, comparison.metric]).toEqual([[], '']);
    server.rows = [run({ run_id: 'a', job_id: 'job-a', metrics: { loss: 0.5 } })];
    const tell = (id: string) =>
      changed.emit({ seq: 1, changed: [{ id, state: 'SUCCEEDED', updated_at: 1 }], counts: {} });
    tell('another');
    await settled();
    expect(server.runs).toHaveBeenCalledTimes(1);
    tell('job-a');
    await settled();
    expect([comparison.metrics, comparison.metric]).toEqual([['loss'], 'loss']);
    expect(comparison.last).toEqual([{ name: 'loss', values: [0.5] }]);
    expect(server.runs).toHaveBeenLastCalledWith({ run_id: ['a'], limit: 1 }, expect.anything());
    comparison.dispose();
    jest.useRealTimers();
  });
});
