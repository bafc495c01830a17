import type { TranslationBundle } from '@jupyterlab/translation';

import type { JobSnapshot } from '../api/types';
import { duration, number } from '../charts/format';

/** What `text/plain` and `text/html` of a saved card say, as `magics/card.py` does: words that need no style. */
export function plainBundle(
  snapshot: JobSnapshot,
  trans: TranslationBundle
): { 'text/plain': string; 'text/html': string } {
  const line = oneLine(snapshot, trans);
  const rows = [
    `<b>${escaped(snapshot.state)}</b> <b>${escaped(snapshot.name || trans.__('job'))}</b> ` +
      `${escaped(trans.__('on %1', snapshot.target))} ` +
      `${snapshot.elapsed_s === null ? '' : duration(snapshot.elapsed_s, trans)} <code>${escaped(snapshot.id)}</code>`,
    escaped(errorText(snapshot) || snapshot.reason),
    ...snapshot.progress.map(bar => escaped(barText(bar))),
    escaped(metricTexts(snapshot, 16).join(' · ')),
    snapshot.run_id &&
      escaped(trans.__('run %1 in %2', snapshot.run_id.slice(0, 8), snapshot.experiment)),
    ...snapshot.notes.slice(-3).map(escaped)
  ];
  const body = rows
    .filter(Boolean)
    .map(row => `<div>${row}</div>`)
    .join('');
  return {
    'text/plain': line,
    'text/html': `<div role="status" aria-live="off" class="cloudml-card">${body}</div>`
  };
}

function oneLine(snapshot: JobSnapshot, trans: TranslationBundle): string {
  const name = snapshot.name ? `${snapshot.name} ` : '';
  const words = [`${snapshot.state} job ${name}${snapshot.id} on ${snapshot.target}`];
  if (snapshot.elapsed_s !== null) {
    words.push(duration(snapshot.elapsed_s, trans));
  }
  words.push(...metricTexts(snapshot, 4));
  const why = errorText(snapshot) || snapshot.reason;
  if (why) {
    words.push(why.split('\n')[0].slice(0, 200));
  }
  return words.join(', ');
}

/** `KeyError: 'x'`, or nothing. */
export function errorText(snapshot: JobSnapshot): string {
  const error = snapshot.error;
  return error ? [error.type, error.message].filter(Boolean).join(': ') : '';
}

function metricTexts(snapshot: JobSnapshot, limit: number): string[] {
  return Object.entries(snapshot.metrics)
    .slice(0, limit)
    .map(([name, series]) => `${name} ${number(series.last)}`);
}

function barText(bar: JobSnapshot['progress'][number]): string {
  return `${bar.desc || 'progress'} ${number(bar.n)}${bar.total === null ? '' : `/${number(bar.total)}`}`;
}

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, c => `&#${c.charCodeAt(0)};`);
}
