import type { TranslationBundle } from '@jupyterlab/translation';

/** Four significant digits, whole numbers as they are, text as it is (`nan`). Mirrors `client/text.py`. */
export function number(value: unknown): string {
  if (typeof value !== 'number') {
    return value === null || value === undefined ? '' : String(value);
  }
  if (!Number.isFinite(value)) {
    return Number.isNaN(value) ? 'nan' : value > 0 ? 'inf' : '-inf';
  }
  if (Number.isInteger(value) && Math.abs(value) < 1e9) {
    return value.toLocaleString('en-US');
  }
  const short = value.toPrecision(4);
  return short.includes('e')
    ? short.replace(/\.?0+e/, 'e')
    : short.replace(/(\.\d*?)0+$/, '$1').replace(/\.$/, '');
}

/** `512 B`, `3.4 MiB`; powers of 1024. */
export function size(bytes: number): string {
  let count = bytes;
  for (const unit of ['B', 'KiB', 'MiB', 'GiB']) {
    if (Math.abs(count) < 1024) {
      return unit === 'B' || count >= 100
        ? `${count.toFixed(0)} ${unit}`
        : `${count.toFixed(1)} ${unit}`;
    }
    count /= 1024;
  }
  return `${count.toFixed(1)} TiB`;
}

/** `0.21 s`, `4.2 s`, `3 m 20 s`, `2 h 5 m`, `3 d 4 h`. */
export function duration(seconds: number, trans: TranslationBundle): string {
  const [s, m, h, d] = [trans.__('s'), trans.__('m'), trans.__('h'), trans.__('d')];
  if (seconds < 1) {
    return `${Math.max(0, seconds).toFixed(2)} ${s}`;
  }
  if (seconds < 59.95) {
    return `${seconds.toFixed(1)} ${s}`;
  }
  const whole = Math.round(seconds);
  const units: [number, string, number, string][] = [
    [86400, d, 3600, h],
    [3600, h, 60, m],
    [60, m, 1, s]
  ];
  for (const [unitS, unit, belowS, below] of units) {
    if (whole >= unitS) {
      const rest = Math.floor((whole % unitS) / belowS);
      return `${Math.floor(whole / unitS)} ${unit}` + (rest ? ` ${rest} ${below}` : '');
    }
  }
  return `${whole} ${s}`;
}
