import { Signal } from '@lumino/signaling';

import type { IJobStream } from '../api/stream';
import type { JobChanges, JobPage, JobQuery } from '../api/types';
import { jobRow } from '../testing/rows';
import { BURST_MS, JobsModel } from './jobs';

class FakeServer {
  readonly asked: JobQuery[] = [];
  answer: (query: JobQuery) => Promise<JobPage> = async query => {
    const rows = Array.from({ length: this.total }, (_, i) => jobRow({ id: String(i) }));
    const offset = query.offset ?? 0;
    const jobs = rows.slice(offset, offset + (query.limit ?? 200));
    return { jobs, total: rows.length, counts: { RUNNING: 1 }, seq: 1 };
  };
  total = 3;

  listJobs(query: JobQuery = {}): Promise<JobPage> {
    this.asked.push(query);
    return this.answer(query);
  }
}

function stream() {
  const owner = {} as IJobStream;
  return {
    changed: new Signal<IJobStream, JobChanges>(owner),
    reconnected: new Signal<IJobStream, void>(owner)
  };
}

const settled = () => jest.advanceTimersByTimeAsync(BURST_MS + 1);

describe('the list of jobs', () => {
  let server: FakeServer;
  let events: ReturnType<typeof stream>;
  let model: JobsModel;

  beforeEach(() => {
    jest.useFakeTimers();
    server = new FakeServer();
    events = stream();
    model = new JobsModel(server, events);
  });

  afterEach(() => {
    model.dispose();
    jest.useRealTimers();
  });

  it('asks for nothing until somebody looks', async () => {
    events.changed.emit({ seq: 1, changed: [], counts: { RUNNING: 2 } });
    await settled();
    expect(server.asked).toEqual([]);
    expect(model.active).toBe(2);
    model.setVisible(true);
    await settled();
    expect(server.asked).toHaveLength(1);
    expect(model.phase).toBe('ready');
  });

  it('moves a known row in place', async () => {
    model.setVisible(true);
    await settled();
    events.changed.emit({
      seq: 2,
      changed: [{ id: '1', state: 'SUCCEEDED', updated_at: 9, elapsed_s: 4 }],
      counts: { RUNNING: 1 }
    });
    expect(model.get('1')).toMatchObject({ updated_at: 9, elapsed_s: 4 });
    expect(server.asked).toHaveLength(1);
  });

  it('asks again when a job appears that it does not know', async () => {
    model.setVisible(true);
    await settled();
    const changed = [{ id: 'new', state: 'QUEUED' as const, updated_at: 9 }];
    events.changed.emit({ seq: 2, changed, counts: { QUEUED: 1 } });
    await settled();
    expect(server.asked).toHaveLength(2);
  });

  it('asks once for a burst of jobs that it does not know', async () => {
    model.setVisible(true);
    await settled();
    for (let i = 0; i < 20; i++) {
      const changed = [{ id: `new${i}`, state: 'QUEUED' as const, updated_at: 9 }];
      events.changed.emit({ seq: 2 + i, changed, counts: { QUEUED: i } });
    }
    await settled();
    expect(server.asked).toHaveLength(2);
  });

  it('asks again after a gap in the stream, once it is seen', async () => {
    model.setVisible(true);
    await settled();
    model.setVisible(false);
    events.reconnected.emit();
    await settled();
    expect(server.asked).toHaveLength(1);
    model.setVisible(true);
    await settled();
    expect(server.asked).toHaveLength(2);
  });

  it('fetches only the pages in sight of 10,000 jobs', async () => {
    server.total = 10_000;
    model.setVisible(true);
    await settled();
    model.see(4_990, 5_010);
    await settled();
    expect(server.asked.map(query => query.offset)).toEqual([0, 4_800, 5_000]);
    expect(model.at(5_000)?.id).toBe('5000');
    expect(model.at(2_000)).toBeUndefined();
  });

  it('drops the answer of an older filter', async () => {
    const answers: ((page: JobPage) => void)[] = [];
    server.answer = () => new Promise(resolve => answers.push(resolve));
    model.setFilter({ text: 'a' });
    model.setFilter({ text: 'ab' });
    answers[1]({ jobs: [jobRow({ id: 'ab' })], total: 1, counts: {}, seq: 1 });
    answers[0]({ jobs: [jobRow({ id: 'a' })], total: 1, counts: {}, seq: 1 });
    await settled();
    expect(model.at(0)?.id).toBe('ab');
  });

  it('says why it could not be loaded, and tries again when asked', async () => {
    server.answer = () => Promise.reject(new Error('no server'));
    model.setVisible(true);
    await settled();
    expect([model.phase, model.error?.message]).toEqual(['error', 'no server']);
    server.answer = async () => ({ jobs: [], total: 0, counts: {}, seq: 1 });
    await model.refresh();
    expect(model.phase).toBe('ready');
  });
});
