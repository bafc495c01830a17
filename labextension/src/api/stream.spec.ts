import type { Event, ServiceManager } from '@jupyterlab/services';
import { Signal } from '@lumino/signaling';

import { JOBS_SCHEMA, JobStream, SOCKET_MS, TRY_MS } from './stream';

class Bus {
  readonly signal = new Signal<Event.IManager, Event.Emission>({} as Event.IManager);
  readonly failure = new Signal<ServiceManager.IManager, Error>({} as ServiceManager.IManager);

  say(seq: number, schema_id = JOBS_SCHEMA): void {
    this.signal.emit({ schema_id, seq, changed: [], counts: {} });
  }
}

describe('the stream of changes', () => {
  let bus: Bus;
  let isUp: boolean;
  let probes: number;
  let seen: string[];
  let stream: JobStream;

  beforeEach(() => {
    jest.useFakeTimers();
    bus = new Bus();
    [isUp, probes, seen] = [true, 0, []];
    const events = { stream: bus.signal as unknown as Event.Stream };
    stream = new JobStream(events, { connectionFailure: bus.failure }, async () => {
      probes++;
      if (!isUp) {
        throw new Error('no server');
      }
    });
    stream.changed.connect((_, { seq }) => seen.push(String(seq)));
    stream.reconnected.connect(() => seen.push('again'));
  });

  afterEach(() => {
    stream.dispose();
    jest.useRealTimers();
  });

  it('passes on what is said of jobs and nothing else', () => {
    bus.say(1);
    bus.say(9, 'https://events.jupyter.org/jupyter_server/contents_service/v1');
    bus.say(2);
    expect(seen).toEqual(['1', '2']);
  });

  it('says that something was missed when a number is left out', () => {
    bus.say(1);
    bus.say(3);
    expect(seen).toEqual(['1', 'again', '3']);
  });

  it('tries a lost server until it answers, and then no more', async () => {
    isUp = false;
    bus.failure.emit(new Error('gone'));
    await jest.advanceTimersByTimeAsync(3 * TRY_MS);
    expect([probes, seen]).toEqual([3, []]);
    isUp = true;
    await jest.advanceTimersByTimeAsync(TRY_MS);
    expect(seen).toEqual(['again']);
    await jest.advanceTimersByTimeAsync(10 * SOCKET_MS);
    expect([probes, seen]).toEqual([4, ['again', 'again']]);
  });

  it('asks nothing as long as nothing is lost', async () => {
    await jest.advanceTimersByTimeAsync(10 * SOCKET_MS);
    expect(probes).toBe(0);
  });
});
