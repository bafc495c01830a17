import type { TranslationBundle } from '@jupyterlab/translation';

const UNITS: [Intl.RelativeTimeFormatUnit, number][] = [
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60]
];

/** `0:07`, `12:30`, `1:02:03`: as wide at every tick, so that a running list does not tremble. */
export function clock(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const two = (n: number): string => String(n).padStart(2, '0');
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60), whole % 60];
  return h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

/** `now`, `5 min. ago`, `3 days ago`, then the date. */
export function ago(time: number, now: number, trans: TranslationBundle): string {
  const seconds = Math.max(0, now / 1000 - time);
  if (seconds < 60) {
    return trans.__('now');
  }
  if (seconds >= 30 * 86_400) {
    return new Date(time * 1000).toLocaleDateString();
  }
  const [unit, size] = UNITS.find(([, size]) => seconds >= size) ?? UNITS[2];
  const format = new Intl.RelativeTimeFormat(undefined, { style: 'narrow', numeric: 'always' });
  return format.format(-Math.floor(seconds / size), unit);
}
