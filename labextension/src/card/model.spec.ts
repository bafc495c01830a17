import { Signal } from '@lumino/signaling';

import { ApiError } from '../api/client';
import type { IJobStream } from '../api/stream';
import type { JobChanges, JobSnapshot } from '../api/types';
import { jobSnapshot } from '../testing/snapshots';
import { JobModel } from './model';

const ID = '0123456789ab';

/** A server with one job. */
class Server {
  job: JobSnapshot | Error = jobSnapshot({ elapsed_s: 20, updated_at: 1_700_000_021 });
  asked = 0;
  readonly api = {
    job: (): Promise<JobSnapshot> => {
      this.asked += 1;
      return this.job instanceof Error ? Promise.reject(this.job) : Promise.resolve(this.job);
    },
    outputs: () => Promise.resolve({ outputs: [], next: 0, final: false }),
    cancel: () => Promise.reject(new Error('not here')),
    retry: () => Promise.reject(new Error('not here'))
  };
  readonly stream = {
    changed: new Signal<IJobStream, JobChanges>({} as IJobStream),
    reconnected: new Signal<IJobStream, void>({} as IJobStream)
  };
}

const next = (model: JobModel): Promise<void> =>
  new Promise(resolve => {
    const once = (): void => {
      model.changed.disconnect(once);
      resolve();
    };
    model.changed.connect(once);
  });

it('shows what was stored where there is no server, and asks for nothing before it is seen', () => {
  const stored = new JobModel(jobSnapshot(), ID, null);
  stored.isWatched = true;
  expect(stored.snapshot?.state).toBe('RUNNING');
  expect(stored.isLive).toBe(false);
  expect(stored.elapsedS()).toBe(10);
  stored.dispose();

  const server = new Server();
  const unseen = new JobModel(jobSnapshot(), ID, server);
  server.stream.changed.emit({
    seq: 1,
    changed: [{ id: ID, state: 'RUNNING', updated_at: 1 }],
    counts: {}
  });
  expect(server.asked).toBe(0);
  unseen.dispose();
});

it('attaches again by the id of the job when it is seen', async () => {
  const model = new JobModel(jobSnapshot(), ID, new Server());
  model.isWatched = true;
  await next(model);
  expect(model.snapshot?.elapsed_s).toBe(20);
  expect(model.isLive).toBe(true);
  model.dispose();
});

it('shows a change at once, before the server is asked for the rest', async () => {
  const server = new Server();
  const model = new JobModel(jobSnapshot(), ID, server);
  model.isWatched = true;
  await next(model);
  server.stream.changed.emit({
    seq: 1,
    changed: [{ id: ID, state: 'STOPPING', updated_at: 1, elapsed_s: 30 }],
    counts: {}
  });
  expect(model.snapshot?.state).toBe('STOPPING');
  expect(model.snapshot?.elapsed_s).toBe(30);
  model.dispose();
});

it('does not ask the server while the kernel tells of the job', async () => {
  const server = new Server();
  const model = new JobModel(jobSnapshot(), ID, server);
  model.isWatched = true;
  await next(model);
  model.isKernelTold = true;
  server.stream.changed.emit({
    seq: 1,
    changed: [{ id: ID, state: 'RUNNING', updated_at: 1 }],
    counts: {}
  });
  model.tell(jobSnapshot({ elapsed_s: 40, updated_at: 1_700_000_041 }));
  expect(model.snapshot?.elapsed_s).toBe(40);
  expect(server.asked).toBe(1);
  model.dispose();
});

it('keeps the stored snapshot of a job that the server does not know, and says so', async () => {
  const server = new Server();
  server.job = new ApiError('no job 0123456789ab', 404);
  const model = new JobModel(jobSnapshot(), ID, server);
  model.isWatched = true;
  await next(model);
  expect(model.isUnknown).toBe(true);
  expect(model.isLive).toBe(false);
  expect(model.snapshot?.state).toBe('RUNNING');
  model.dispose();
});
