import { extent, inOrder, nearest, smooth, stretches, thin, type Point } from './series';

describe('smooth', () => {
  it('leaves the first point where it is, and passes over what is not finite', () => {
    const points: Point[] = [
      [0, 4],
      [1, NaN],
      [2, 8]
    ];
    const smoothed = smooth(points, 0.5);
    expect(smoothed[0]).toEqual([0, 4]);
    expect(smoothed[1][1]).toBeNaN();
    expect(smoothed[2][1]).toBeCloseTo((4 * 0.25 + 8 * 0.5) / 0.75);
  });

  it('changes nothing without weight', () => {
    const points: Point[] = [[0, 4]];
    expect(smooth(points, 0)).toBe(points);
  });
});

describe('thin', () => {
  it('keeps a spike of one point in ten thousand', () => {
    const points: Point[] = Array.from({ length: 10_000 }, (_, i) => [i, i === 5_003 ? 99 : 0]);
    const kept = thin(points, [0, 9_999], 100);
    expect(kept.length).toBeLessThanOrEqual(404);
    expect(kept).toContainEqual([5_003, 99]);
    expect(kept[0]).toEqual([0, 0]);
    expect(kept.at(-1)).toEqual([9_999, 0]);
  });

  it('keeps one neighbour on either side of what is shown, so that lines run on', () => {
    const points: Point[] = [0, 1, 2, 3, 4].map(x => [x, x]);
    expect(thin(points, [2, 2.5], 100).map(([x]) => x)).toEqual([1, 2, 3]);
  });
});

it('breaks a line where a value is not a number, and on a log scale where it is not positive', () => {
  const points: Point[] = [
    [0, 1],
    [1, NaN],
    [2, -1],
    [3, 2]
  ];
  expect(stretches(points)).toEqual([
    [[0, 1]],
    [
      [2, -1],
      [3, 2]
    ]
  ]);
  expect(stretches(points, true)).toEqual([[[0, 1]], [[3, 2]]]);
});

it('finds the extent of what can be drawn', () => {
  expect(
    extent([
      [
        [0, 1],
        [5, Infinity]
      ],
      [[2, -3]]
    ])
  ).toEqual({ x: [0, 2], y: [-3, 1] });
  expect(extent([[[0, -1]]], true)).toBeNull();
});

it('finds the nearest point and sorts what came out of order', () => {
  const points = inOrder([
    [3, 1],
    [1, 2],
    [2, 3]
  ]);
  expect(points.map(([x]) => x)).toEqual([1, 2, 3]);
  expect(nearest(points, 1.4)).toEqual([1, 2]);
  expect(nearest(points, 1.6)).toEqual([2, 3]);
  expect(nearest([], 1)).toBeNull();
});
