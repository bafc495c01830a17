export { Chart, type ChartProps } from './chart';
export { duration, number, size } from './format';
export { Sparkline } from './sparkline';
export type { Curve, Point, Range } from './series';
