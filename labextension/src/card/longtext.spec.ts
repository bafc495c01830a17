import { MimeModel, RenderMimeRegistry } from '@jupyterlab/rendermime';
import { Widget } from '@lumino/widgets';

import { BLOCK, LONG, LongText } from './longtext';

const MIME = 'application/vnd.jupyter.stdout';
const sanitizer = new RenderMimeRegistry().sanitizer;

const lines = (from: number, to: number): string =>
  Array.from({ length: to - from }, (_, i) => `line ${from + i}\n`).join('');

let area: Widget;

/** Stdout below a cell: with a job's card before it, or without. */
function attached(hasCard = true): LongText {
  area = new Widget();
  area.addClass('jp-OutputArea');
  area.node.innerHTML = hasCard ? '<div class="jp-cloudml-JobCard"></div>' : '';
  Widget.attach(area, document.body);
  const text = new LongText({
    mimeType: MIME,
    sanitizer,
    resolver: null,
    linkHandler: null,
    latexTypesetter: null
  });
  Widget.attach(text, area.node);
  return text;
}

const draw = (widget: LongText, text: string): Promise<void> =>
  widget.renderModel(new MimeModel({ data: { [MIME]: text } }));

const blocks = (widget: LongText): Element[] => [
  ...widget.node.querySelectorAll('.jp-cloudml-LongText-block')
];

beforeEach(() => jest.useFakeTimers());

afterEach(() => {
  area.dispose();
  jest.useRealTimers();
});

it('leaves text that is not long, and cells without a job, to Lab', async () => {
  const short = attached();
  await draw(short, 'a line\n');
  expect(short.node.innerHTML).toBe('<pre>a line\n</pre>');
  area.dispose();
  const plain = attached(false);
  await draw(plain, lines(0, 20_000));
  expect(plain.node.children).toHaveLength(1);
  expect(plain.node.textContent).toBe(lines(0, 20_000));
});

it('draws all of a long text, in blocks of whole lines that are drawn once', async () => {
  const widget = attached();
  await draw(widget, lines(0, 20_000));
  jest.runAllTimers();
  expect(widget.node.textContent).toBe(lines(0, 20_000));
  const before = blocks(widget);
  expect(before.length).toBeGreaterThan(5);
  expect(before.every(block => block.textContent?.endsWith('\n'))).toBe(true);
  await draw(widget, lines(0, 30_000) + 'no end');
  jest.runAllTimers();
  expect(widget.node.textContent).toBe(lines(0, 30_000) + 'no end');
  expect(blocks(widget).slice(0, before.length)).toEqual(before);
  expect(blocks(widget)[0]).toBe(before[0]);
});

it('draws in slices between which the page answers', async () => {
  let now = 0;
  jest.spyOn(performance, 'now').mockImplementation(() => (now += 4));
  const widget = attached();
  await draw(widget, lines(0, 100_000));
  const first = blocks(widget).length;
  expect(first).toBeLessThan(5);
  jest.advanceTimersToNextTimer();
  expect(blocks(widget).length).toBeLessThan(3 * first + 1);
  jest.runAllTimers();
  expect(widget.node.textContent).toBe(lines(0, 100_000));
});

it('begins anew when the text is another one', async () => {
  const widget = attached();
  await draw(widget, lines(0, 20_000));
  await draw(widget, lines(5, 20_000));
  jest.runAllTimers();
  expect(widget.node.textContent).toBe(lines(5, 20_000));
  await draw(widget, 'short');
  jest.runAllTimers();
  expect(widget.node.textContent).toBe('short');
  await draw(widget, lines(0, 20_000));
  jest.runAllTimers();
  expect(widget.node.textContent).toBe(lines(0, 20_000));
});

it('carries colours from block to block, and lets no text become markup', async () => {
  const widget = attached();
  const evil = '<img src=x onerror=alert(1)>\n';
  await draw(widget, `\x1b[31m${evil}${lines(0, 20_000)}\x1b[0mplain`);
  jest.runAllTimers();
  expect(widget.node.querySelector('img')).toBeNull();
  const [first, second] = blocks(widget);
  expect(first.textContent).toContain('<img src=x');
  expect(second.querySelector('.ansi-red-fg')).not.toBeNull();
  expect(widget.node.lastElementChild?.textContent).toMatch(/plain$/);
});

it('waits until it is in a page to know whose text it is', async () => {
  const early = attached();
  early.node.remove();
  const widget = new LongText({
    mimeType: MIME,
    sanitizer,
    resolver: null,
    linkHandler: null,
    latexTypesetter: null
  });
  await draw(widget, lines(0, 20_000));
  Widget.attach(widget, area.node);
  jest.runAllTimers();
  expect(widget.node.textContent).toBe(lines(0, 20_000));
  expect(blocks(widget).length).toBeGreaterThan((LONG - 2 * BLOCK) / (2 * BLOCK));
});
