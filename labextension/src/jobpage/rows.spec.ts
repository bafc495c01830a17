import type { OutputEvent } from '../api/types';
import { OutputFold } from '../outputs/fold';
import { drawn } from '../outputs/ansi';
import { Heights } from './heights';
import { Rows } from './rows';

const stream = (text: string): OutputEvent => ({ output_type: 'stream', name: 'stdout', text });
const figure: OutputEvent = {
  output_type: 'display_data',
  data: { 'text/plain': 'fig' },
  metadata: {}
};

function rowsOf(...events: OutputEvent[]): { rows: Rows; fold: OutputFold } {
  const fold = new OutputFold();
  events.forEach(event => fold.apply(event));
  const rows = new Rows(fold);
  rows.update();
  return { rows, fold };
}

it('has every one of 100,000 lines, and finds one of them', () => {
  const lines = Array.from({ length: 100_000 }, (_, i) => `line ${i}\n`).join('');
  const { rows } = rowsOf(stream(lines));
  expect(rows.length).toBe(100_000);
  expect(rows.row(99_999)).toMatchObject({ kind: 'line', text: 'line 99999' });
  expect(rows.find('LINE 54321')).toEqual([54_321]);
});

it('puts figures between the lines, and the text of a traceback among them', () => {
  const error: OutputEvent = {
    output_type: 'error',
    ename: 'E',
    evalue: 'no',
    traceback: ['a\nb', 'c']
  };
  const { rows } = rowsOf(stream('1\n2\n'), figure, stream('3\n'), error);
  expect(rows.length).toBe(7);
  expect(rows.rich).toEqual([2]);
  expect(rows.row(2).kind).toBe('rich');
  expect(
    [0, 1, 3, 4, 5, 6].map(i => rows.row(i)).map(row => row.kind === 'line' && row.text)
  ).toEqual(['1', '2', '3', 'a', 'b', 'c']);
});

it('goes on with more text, and finds what is new', () => {
  const { rows, fold } = rowsOf(stream('a\n'));
  expect(rows.find('b')).toEqual([]);
  fold.apply(stream('b\n'));
  rows.update();
  expect(rows.length).toBe(2);
  expect(rows.find('b')).toEqual([1]);
});

it('colours a line as the one before it ended', () => {
  const { rows } = rowsOf(stream('\x1b[31mred\nstill\x1b[0m\nplain\n'));
  const looks = [0, 1, 2].map(i => {
    const row = rows.row(i);
    return row.kind === 'line' ? drawn(row.look).className : '';
  });
  expect(looks).toEqual(['', 'ansi-red-fg', '']);
});

it('knows where rows of different heights lie', () => {
  const heights = new Heights(10, 100);
  heights.tall = [2, 5];
  expect([0, 2, 3, 5, 6, 7].map(i => heights.top(i))).toEqual([0, 20, 120, 140, 240, 250]);
  expect([0, 25, 119, 120, 200, 241].map(y => heights.at(y))).toEqual([0, 2, 2, 3, 5, 6]);
  expect(heights.measure(2, 40)).toBe(true);
  expect(heights.measure(2, 40)).toBe(false);
  expect(heights.top(3)).toBe(60);
});
