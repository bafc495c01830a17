import type { MetricSeries } from '../api/types';
import type { Curve, Point } from '../charts';

export type Axis = 'step' | 'time';

/** The metrics of one job or run that curves are drawn of. */
export interface Source {
  readonly id: string;
  readonly label: string;
  readonly metrics: ReadonlyMap<string, MetricSeries>;
}

/** One chart for each metric that any source has: the first source's first, each in its own order. */
export function charts(
  sources: readonly Source[],
  axis: Axis
): { name: string; curves: Curve[] }[] {
  const names = new Set(sources.flatMap(({ metrics }) => [...metrics.keys()]));
  return [...names].map(name => ({
    name,
    curves: sources.flatMap(({ id, label, metrics }) => {
      const series = metrics.get(name);
      return series ? [{ id, label, points: along(series, axis) }] : [];
    })
  }));
}

function along({ points }: MetricSeries, axis: Axis): Point[] {
  const began = points[0]?.[2] ?? 0;
  return points.map(([step, value, time]) => [
    axis === 'step' ? step : (time ?? began) - began,
    value
  ]);
}
