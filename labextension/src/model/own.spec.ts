import type { MetricSeries } from '../api/types';
import { charts } from '../jobpage/curves';
import { beside } from '../testing/beside';
import { run } from '../testing/rows';
import { compare } from './comparison';
import { own } from './own';

const NAMES = ['__proto__', 'constructor', 'toString', 'hasOwnProperty'];

/** As JSON brings it: the names are the object's own. */
const parsed = <T>(text: string): T => JSON.parse(text) as T;

const series: MetricSeries = { points: [[0, 1, 0]], last: 1 };

it('finds what an object holds itself, and nothing that every object has', () => {
  const record = parsed<Record<string, number>>('{"__proto__": 1, "loss": 2}');
  expect(own(record, '__proto__')).toBe(1);
  expect(own(record, 'constructor')).toBeUndefined();
});

it.each(NAMES)('draws a metric called %s of the jobs that have it, and of no other', name => {
  const [chart, ...more] = charts(
    [
      { id: 'a', label: 'a', metrics: new Map([[name, series]]) },
      { id: 'b', label: 'b', metrics: new Map([['loss', series]]) }
    ],
    'step'
  );
  expect(chart).toEqual({ name, curves: [{ id: 'a', label: 'a', points: [[0, 1]] }] });
  expect(more.map(other => other.curves.length)).toEqual([1]);
});

it.each(NAMES)('compares runs of which one has a metric and a parameter called %s', name => {
  const odd = run({
    run_id: 'a',
    metrics: parsed(`{"${name}": 0.5}`),
    params: parsed(`{"${name}": "x"}`)
  });
  const plain = run({ run_id: 'b', metrics: { loss: 1 }, params: {} });
  const { comparison } = beside([odd, plain]);
  expect(comparison.last.find(last => last.name === name)?.values).toEqual([0.5, undefined]);
  expect(compare([odd, plain])).toEqual([{ name, values: ['x', undefined], isSame: false }]);
  comparison.dispose();
});
