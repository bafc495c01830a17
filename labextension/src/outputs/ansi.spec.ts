import { drawn, lookAfter, PLAIN, spans, stripped } from './ansi';

it('draws colours by the classes of Lab and passes over other sequences', () => {
  const { spans: found, end } = spans('\x1b[1;32mok\x1b[0m \x1b[2Kdone', PLAIN);
  expect(found.map(({ text, look }) => [text, drawn(look).className])).toEqual([
    ['ok', 'ansi-bold ansi-green-fg'],
    [' ', ''],
    ['done', '']
  ]);
  expect(end).toEqual(PLAIN);
});

it('goes on in the next line as the last one ended', () => {
  const look = lookAfter('\x1b[91mred', PLAIN);
  expect(drawn(spans('still', look).spans[0].look).className).toBe('ansi-red-intense-fg');
});

it('knows the colours of 256 and of 16 million', () => {
  expect(drawn(lookAfter('\x1b[38;5;196m', PLAIN)).style).toEqual({ color: 'rgb(255, 0, 0)' });
  expect(drawn(lookAfter('\x1b[48;2;1;2;3m', PLAIN)).style).toEqual({
    backgroundColor: 'rgb(1, 2, 3)'
  });
});

it('searches what is read and not what colours it', () => {
  expect(stripped('\x1b[32mepo\x1b[0mch')).toBe('epoch');
});
