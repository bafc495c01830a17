import { SHOWN_MS, Transfers } from './transfers';

describe('transfers', () => {
  beforeEach(() => jest.useFakeTimers());
  afterEach(() => jest.useRealTimers());

  it('tell how far they are and how fast, and go away when they are done', async () => {
    const transfers = new Transfers();
    const done = transfers.run('a.csv', 'up', async onBytes => {
      await jest.advanceTimersByTimeAsync(2_000);
      onBytes(100, 400);
      expect(transfers.all[0]).toMatchObject({ done: 100, total: 400, rate: 50, state: 'running' });
      return 7;
    });
    expect(await done).toBe(7);
    expect(transfers.all[0].state).toBe('done');
    await jest.advanceTimersByTimeAsync(SHOWN_MS);
    expect(transfers.all).toEqual([]);
  });

  it('stay with their error until they are dismissed', async () => {
    const transfers = new Transfers();
    const failed = await transfers.run('a', 'down', () => Promise.reject(new Error('no room')));
    expect(failed).toBeUndefined();
    expect(transfers.all[0]).toMatchObject({ state: 'failed', error: new Error('no room') });
    transfers.forget(transfers.all[0].id);
    expect(transfers.all).toEqual([]);
  });

  it('can be cancelled', async () => {
    const transfers = new Transfers();
    const running = transfers.run(
      'a',
      'up',
      (_, signal) =>
        new Promise((_, reject) => {
          signal.addEventListener('abort', () => reject(new Error('aborted')));
        })
    );
    transfers.cancel(transfers.all[0].id);
    expect(await running).toBeUndefined();
    expect(transfers.all).toEqual([]);
  });
});
