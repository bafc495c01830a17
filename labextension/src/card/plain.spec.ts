import { nullTranslator } from '@jupyterlab/translation';

import type { MetricSummary } from '../api/types';
import { jobSnapshot } from '../testing/snapshots';
import { plainBundle } from './plain';

const trans = nullTranslator.load('jupyter_cloudml');

const loss = (points: [number, number][]): MetricSummary => ({
  last: points.at(-1)?.[1] ?? 0,
  step: points.at(-1)?.[0] ?? 0,
  count: points.length,
  min: 0,
  max: 1,
  points
});

function drawn(part: Parameters<typeof jobSnapshot>[0]): HTMLElement {
  const host = document.createElement('div');
  host.innerHTML = plainBundle(jobSnapshot(part), trans)['text/html'];
  return host;
}

it('keeps state, name, time, metrics and a drawing of every curve in the saved notebook', () => {
  const card = drawn({
    state: 'SUCCEEDED',
    elapsed_s: 4.2,
    metrics: {
      loss: loss([
        [0, 1],
        [1, 0.25]
      ])
    }
  });
  for (const word of ['SUCCEEDED', 'train', 'on local', '4.2 s', 'loss', '0.25']) {
    expect(card.textContent).toContain(word);
  }
  const curve = card.querySelector('svg[role=img][aria-label="loss: 0.25 at step 1"]');
  expect(curve?.querySelector('path')?.getAttribute('d')).toMatch(/^M3\.0,3\.0L165\.0,41\.0$/);
  expect(card.querySelector('.cloudml-card')?.getAttribute('aria-label')).toMatch(
    /^SUCCEEDED job train 0123456789ab on local, 4.2 s, loss 0.25$/
  );
});

it('draws no curve of what cannot be drawn', () => {
  const card = drawn({ metrics: { a: loss([[0, 1]]), b: { ...loss([]), last: 'nan' } } });
  expect(card.querySelector('svg')).toBeNull();
  expect(card.textContent).toContain('nan');
});

it('lets no word of the job become markup, or end the block of a Markdown file', () => {
  const name = '<img src=x onerror=alert(1)>"\'';
  const html = plainBundle(
    jobSnapshot({
      name,
      state: 'FAILED',
      metrics: {
        [name]: loss([
          [0, 1],
          [1, 2]
        ])
      },
      notes: [`a\n\n    ${name}`],
      error: { type: name, message: `\n\n# ${name}` }
    }),
    trans
  )['text/html'];
  const host = document.createElement('div');
  host.innerHTML = html;
  expect(host.querySelector('img')).toBeNull();
  expect(host.textContent).toContain(name);
  expect(html).not.toMatch(/\n\s/);
});
