import type { IRenderMime } from '@jupyterlab/rendermime-interfaces';
import type { IRenderMimeRegistry } from '@jupyterlab/rendermime';

import type { OutputEvent } from '../api/types';

const HTML = 'text/html';
const MARKUP = /<[a-z!/]/i;

/**
 * An output as it may be written into a trusted cell: what Lab would sanitise in an untrusted notebook is sanitised, and
 * what it would not show there (scripts, SVG, renderers that are not safe) is left out.
 */
export function asUntrusted(
  output: OutputEvent,
  rendermime: Pick<IRenderMimeRegistry, 'getFactory' | 'sanitizer'>
): OutputEvent {
  const data = output.data;
  if (typeof data !== 'object' || data === null) {
    return output;
  }
  const kept = Object.entries(data).flatMap(([mime, value]) => {
    const safe = safely(mime, value, rendermime.sanitizer);
    const isSafe = rendermime.getFactory(mime)?.safe ?? mime === 'text/plain';
    return isSafe && safe !== null ? [[mime, safe] as const] : [];
  });
  return { ...output, data: Object.fromEntries(kept) };
}

function safely(mime: string, value: unknown, sanitizer: IRenderMime.ISanitizer): unknown {
  const text = Array.isArray(value) ? value.join('') : value;
  if (mime === HTML) {
    return typeof text === 'string' ? sanitizer.sanitize(text) : null;
  }
  if (mime === 'text/markdown' && typeof text === 'string' && MARKUP.test(text)) {
    return sanitizer.sanitize(text);
  }
  return value;
}
