import type { OutputChunk } from '../api/types';
import { OutputFeed } from './feed';

const chunk = (text: string, next: number, final = false): OutputChunk => ({
  outputs: text ? [{ output_type: 'stream', name: 'stdout', text }] : [],
  next,
  final
});

/** The output of a job as the server keeps it; `fails` breaks the next answer. */
class Server {
  chunks: OutputChunk[] = [];
  fails = 0;
  asked: number[] = [];

  outputs(_: string, offset = 0): Promise<OutputChunk> {
    this.asked.push(offset);
    if (this.fails-- > 0) {
      return Promise.reject(new Error('The Jupyter server cannot be reached'));
    }
    const found = this.chunks.find(({ next }) => next > offset);
    return Promise.resolve(found ?? chunk('', offset, this.chunks.at(-1)?.final));
  }
}

const settled = (feed: OutputFeed, when: () => boolean): Promise<void> =>
  new Promise(resolve => {
    const look = (): void => {
      if (when()) {
        resolve();
      }
    };
    feed.changed.connect(look);
    look();
  });

it('brings everything from the start, each byte once', async () => {
  const server = new Server();
  server.chunks = [chunk('a\n', 5), chunk('b\n', 9, true)];
  const feed = new OutputFeed(server, '0123456789ab');
  feed.pull();
  await settled(feed, () => feed.isWhole);
  expect(feed.fold.outputs()).toEqual([{ output_type: 'stream', name: 'stdout', text: 'a\nb\n' }]);
  expect(server.asked).toEqual([0, 5, 9]);
  feed.dispose();
});

it('goes on where it was when the server comes back', async () => {
  const server = new Server();
  server.chunks = [chunk('a\n', 5)];
  const feed = new OutputFeed(server, '0123456789ab');
  feed.pull();
  await settled(feed, () => feed.isReady && server.asked.length === 2);
  server.fails = 1;
  feed.pull();
  await settled(feed, () => feed.error !== '');
  server.chunks.push(chunk('b\n', 9, true));
  feed.pull();
  await settled(feed, () => feed.isWhole);
  expect(feed.error).toBe('');
  expect(feed.fold.outputs()).toEqual([{ output_type: 'stream', name: 'stdout', text: 'a\nb\n' }]);
  feed.dispose();
});
