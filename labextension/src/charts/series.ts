/** A point of a curve: x (a step, or seconds), y. */
export type Point = readonly [x: number, y: number];

/** One curve. Values that are not finite are gaps. */
export interface Curve {
  readonly id: string;
  readonly label: string;
  readonly points: readonly Point[];
}

export type Range = readonly [low: number, high: number];

/** How many looks (colour and dash) there are before they come round again. */
export const LOOKS = 8;

/**
 * An exponential moving average, corrected for its start (as TensorBoard does, after Adam's bias correction), so that
 * the first point stays where it is. `weight` 0 changes nothing; values that are not finite are passed over.
 */
export function smooth(points: readonly Point[], weight: number): readonly Point[] {
  if (weight <= 0) {
    return points;
  }
  let average = 0;
  let correction = 1;
  return points.map(([x, y]) => {
    if (!Number.isFinite(y)) {
      return [x, y] as const;
    }
    average = average * weight + (1 - weight) * y;
    correction *= weight;
    return [x, average / (1 - correction)] as const;
  });
}

/**
 * What of `points` (in order of x) must be drawn on `columns` columns over `range`: in each column the first, lowest,
 * highest and last point, so that no spike vanishes; and one neighbour outside on either side, so that lines run on.
 */
export function thin(points: readonly Point[], range: Range, columns: number): readonly Point[] {
  const from = Math.max(0, firstAtOrAfter(points, range[0]) - 1);
  const to = Math.min(points.length, firstAtOrAfter(points, range[1], true) + 1);
  if (to - from <= 4 * columns) {
    return points.slice(from, to);
  }
  const width = (range[1] - range[0]) / columns || 1;
  const kept: Point[] = [];
  let start = from;
  while (start < to) {
    const column = Math.floor((points[start][0] - range[0]) / width);
    let end = start + 1;
    while (end < to && Math.floor((points[end][0] - range[0]) / width) === column) {
      end += 1;
    }
    kept.push(...extremes(points, start, end));
    start = end;
  }
  return kept;
}

function extremes(points: readonly Point[], start: number, end: number): Point[] {
  const marks = new Set([start, end - 1]);
  let low = -1;
  let high = -1;
  for (let i = start; i < end; i++) {
    const y = points[i][1];
    if (!Number.isFinite(y)) {
      marks.add(i);
      continue;
    }
    low = low < 0 || y < points[low][1] ? i : low;
    high = high < 0 || y > points[high][1] ? i : high;
  }
  if (low >= 0) {
    marks.add(low).add(high);
  }
  return [...marks].sort((a, b) => a - b).map(i => points[i]);
}

/** Stretches of points that a line may join: broken where a value is not finite, or (`isLog`) not positive. */
export function stretches(points: readonly Point[], isLog = false): Point[][] {
  const found: Point[][] = [];
  let open: Point[] | null = null;
  for (const point of points) {
    if (!isDrawable(point[1], isLog)) {
      open = null;
      continue;
    }
    if (open === null) {
      open = [];
      found.push(open);
    }
    open.push(point);
  }
  return found;
}

/** Lowest and highest x and y of what can be drawn; null when nothing can. */
export function extent(
  curves: readonly (readonly Point[])[],
  isLog = false,
  within?: Range
): { x: Range; y: Range } | null {
  let [x0, x1, y0, y1] = [Infinity, -Infinity, Infinity, -Infinity];
  for (const points of curves) {
    for (const [x, y] of points) {
      if (!isDrawable(y, isLog) || (within && (x < within[0] || x > within[1]))) {
        continue;
      }
      x0 = Math.min(x0, x);
      x1 = Math.max(x1, x);
      y0 = Math.min(y0, y);
      y1 = Math.max(y1, y);
    }
  }
  return x0 === Infinity ? null : { x: [x0, x1], y: [y0, y1] };
}

/** The point whose x is nearest to `x`; null for no points. Points are in order of x. */
export function nearest(points: readonly Point[], x: number): Point | null {
  if (!points.length) {
    return null;
  }
  const after = Math.min(firstAtOrAfter(points, x), points.length - 1);
  const before = Math.max(0, after - 1);
  return x - points[before][0] < points[after][0] - x ? points[before] : points[after];
}

/** All x of all curves, each once, in order: where a cursor can stand. */
export function stops(curves: readonly Curve[]): number[] {
  const all = new Set<number>();
  for (const curve of curves) {
    for (const [x, y] of curve.points) {
      if (Number.isFinite(y)) {
        all.add(x);
      }
    }
  }
  return [...all].sort((a, b) => a - b);
}

/** Points in the order of x, the later logged of two with the same x last; the same array when it is in order. */
export function inOrder(points: readonly Point[]): readonly Point[] {
  for (let i = 1; i < points.length; i++) {
    if (points[i][0] < points[i - 1][0]) {
      return [...points].sort((a, b) => a[0] - b[0]);
    }
  }
  return points;
}

function isDrawable(y: number, isLog: boolean): boolean {
  return Number.isFinite(y) && (!isLog || y > 0);
}

function firstAtOrAfter(points: readonly Point[], x: number, isAfter = false): number {
  let [low, high] = [0, points.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (points[middle][0] < x || (isAfter && points[middle][0] === x)) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}
