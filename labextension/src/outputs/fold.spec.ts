import type { OutputEvent } from '../api/types';
import { OutputFold } from './fold';
import { LineBuffer } from './lines';

const stream = (text: string, name = 'stdout'): OutputEvent => ({
  output_type: 'stream',
  name,
  text
});
const display = (text: string, id = ''): OutputEvent => ({
  output_type: 'display_data',
  data: { 'text/plain': text },
  metadata: {},
  ...(id && { transient: { display_id: id } })
});

function folded(...events: OutputEvent[]): unknown[] {
  const fold = new OutputFold();
  events.forEach(event => fold.apply(event));
  return fold.outputs();
}

it('joins the chunks of one stream while nothing comes between', () => {
  expect(folded(stream('a'), stream('b\n'), stream('c', 'stderr'), stream('d'))).toEqual([
    stream('ab\n'),
    stream('c', 'stderr'),
    stream('d')
  ]);
});

it('changes every output that shows a display id, and saves no display id', () => {
  const update = { ...display('new', 'x'), output_type: 'update_display_data' };
  expect(folded(display('old', 'x'), display('other'), update)).toEqual([
    display('new'),
    display('other')
  ]);
});

it('clears at once, or when the next output comes', () => {
  const clear = (wait: boolean): OutputEvent => ({ output_type: 'clear_output', wait });
  expect(folded(stream('a'), clear(false))).toEqual([]);
  expect(folded(stream('a'), clear(true))).toEqual([stream('a')]);
  expect(folded(stream('a'), clear(true), stream('b'))).toEqual([stream('b')]);
});

it('keeps only the last lines where a limit is given', () => {
  const fold = new OutputFold();
  fold.apply(stream('1\n2\n3\n'));
  expect(fold.outputs(2)).toEqual([stream('2\n3\n')]);
});

describe('LineBuffer', () => {
  const after = (...chunks: string[]): string => {
    const lines = new LineBuffer();
    chunks.forEach(chunk => lines.append(chunk));
    return lines.text();
  };

  it('writes over a line after a carriage return, as progress bars do', () => {
    expect(after('10%', '\r', '100%\n', 'x')).toBe('100%\nx');
    expect(after('12345\rab\n')).toBe('ab345\n');
    expect(after('a\r\nb')).toBe('a\nb');
  });

  it('takes characters back', () => {
    expect(after('abc\b\bX')).toBe('aXc'.slice(0, 2));
  });
});
