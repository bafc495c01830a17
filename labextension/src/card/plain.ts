import type { TranslationBundle } from '@jupyterlab/translation';

import type { JobSnapshot, MetricSummary } from '../api/types';
import { duration, number } from '../charts/format';
import { Scale } from '../charts/scale';
import { extent, inOrder, stretches } from '../charts/series';
import { path } from '../charts/sparkline';

const [WIDTH, HEIGHT, PAD] = [168, 44, 3];
const MAX_CURVES = 8;
const BOX =
  'border:1px solid var(--jp-border-color2, rgba(128,128,128,.35));border-radius:6px;padding:8px 12px;margin:2px 0;' +
  'max-width:760px;font-family:var(--jp-ui-font-family, system-ui, sans-serif);font-size:13px;line-height:1.45';
const LINE = 'fill="none" stroke-width="1.5" style="stroke:var(--jp-brand-color1, #3b82f6)"';

/**
 * What `text/plain` and `text/html` of a saved card say, as `magics/card.py` does: words that need no style, a drawing of
 * every curve, and no blank line, so that it stays one block in a Markdown file.
 */
export function plainBundle(
  snapshot: JobSnapshot,
  trans: TranslationBundle
): { 'text/plain': string; 'text/html': string } {
  const line = oneLine(snapshot, trans);
  const all = Object.entries(snapshot.metrics);
  const rows = [
    `<b>${escaped(snapshot.state)}</b> <b>${escaped(snapshot.name || trans.__('job'))}</b> ` +
      `${escaped(trans.__('on %1', snapshot.target))} ` +
      `${snapshot.elapsed_s === null ? '' : duration(snapshot.elapsed_s, trans)} <code>${escaped(snapshot.id)}</code>`,
    escaped(errorText(snapshot) || snapshot.reason),
    ...snapshot.progress.map(bar => escaped(barText(bar))),
    ...all.slice(0, MAX_CURVES).map(([name, series]) => metric(name, series, trans)),
    all.slice(MAX_CURVES).map(asWords).map(escaped).join(' · '),
    snapshot.run_id &&
      escaped(trans.__('run %1 in %2', snapshot.run_id.slice(0, 8), snapshot.experiment)),
    ...snapshot.notes.slice(-3).map(escaped)
  ];
  const body = rows.filter(Boolean).map(row => `<div>${row}</div>`);
  const head = `<div class="cloudml-card" aria-label="${escaped(line)}"`;
  const html = [head, `role="status" aria-live="off" style="${BOX}">`, ...body, '</div>'];
  return { 'text/plain': line, 'text/html': html.join('\n').replace(/\s*\n\s*/g, '\n') };
}

function oneLine(snapshot: JobSnapshot, trans: TranslationBundle): string {
  const name = snapshot.name ? `${snapshot.name} ` : '';
  const words = [`${snapshot.state} job ${name}${snapshot.id} on ${snapshot.target}`];
  if (snapshot.elapsed_s !== null) {
    words.push(duration(snapshot.elapsed_s, trans));
  }
  words.push(...Object.entries(snapshot.metrics).slice(0, 4).map(asWords));
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

function metric(name: string, series: MetricSummary, trans: TranslationBundle): string {
  const label = trans.__('%1: %2 at step %3', name, number(series.last), series.step);
  return `${escaped(name)} <b>${escaped(number(series.last))}</b>${curve(series, label)}`;
}

function curve(series: MetricSummary, label: string): string {
  const points = inOrder(series.points);
  const found = extent([points]);
  if (found === null || points.length < 2) {
    return '';
  }
  const x = new Scale(found.x, [PAD, WIDTH - PAD]);
  const y = new Scale(found.y, [HEIGHT - PAD, PAD]);
  const lines = stretches(points).map(run => `<path d="${path(run, x, y)}" ${LINE}/>`);
  return (
    `\n<svg role="img" aria-label="${escaped(label)}" width="${WIDTH}" height="${HEIGHT}" ` +
    `viewBox="0 0 ${WIDTH} ${HEIGHT}" style="display:block">${lines.join('')}</svg>`
  );
}

function asWords([name, series]: [string, MetricSummary]): string {
  return `${name} ${number(series.last)}`;
}

function barText(bar: JobSnapshot['progress'][number]): string {
  return `${bar.desc || 'progress'} ${number(bar.n)}${bar.total === null ? '' : `/${number(bar.total)}`}`;
}

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, c => `&#${c.charCodeAt(0)};`);
}
