import { nullTranslator } from '@jupyterlab/translation';

import { duration, number, size } from './format';
import { Scale } from './scale';

it('maps values to places and back', () => {
  const scale = new Scale([0, 10], [50, 150]);
  expect(scale.at(5)).toBe(100);
  expect(scale.valueAt(100)).toBe(5);
  expect(scale.ticks(5)).toEqual([0, 2, 4, 6, 8, 10]);
});

it('puts one value in the middle', () => {
  expect(new Scale([3, 3], [0, 100]).at(3)).toBe(50);
  expect(new Scale([0, 0], [0, 100]).at(0)).toBe(50);
});

it('counts in powers of ten on a log scale', () => {
  const scale = new Scale([0.001, 10], [0, 400], true);
  expect(scale.at(0.1)).toBeCloseTo(200);
  expect(scale.valueAt(200)).toBeCloseTo(0.1);
  expect(scale.ticks(5).map(t => Math.round(Math.log10(t)))).toEqual([-3, -2, -1, 0, 1]);
});

it('writes numbers, sizes and times as the command line does', () => {
  const trans = nullTranslator.load('jupyter_cloudml');
  expect([0.08418372, 1797, 12, 1.5, 1e-7, 'nan', 0].map(number)).toEqual([
    '0.08418',
    '1,797',
    '12',
    '1.5',
    '1e-7',
    'nan',
    '0'
  ]);
  expect([512, 3_565_158, 200 * 1024 ** 3].map(size)).toEqual(['512 B', '3.4 MiB', '200 GiB']);
  expect([0.214, 4.2, 200, 7500, 273_600].map(s => duration(s, trans))).toEqual([
    '0.21 s',
    '4.2 s',
    '3 m 20 s',
    '2 h 5 m',
    '3 d 4 h'
  ]);
});
