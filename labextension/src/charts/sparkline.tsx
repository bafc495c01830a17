import * as React from 'react';

import { Scale } from './scale';
import { extent, inOrder, stretches, thin, type Point } from './series';

const PAD = 3;

/** A small curve without axes. `label` is what a screen reader says; nothing is drawn for fewer than two points. */
export function Sparkline(props: {
  points: readonly Point[];
  label: string;
  width?: number;
  height?: number;
  /** Fixes the range of y (0 to 100 for per cent); else the curve's own. */
  range?: readonly [number, number];
  isFilled?: boolean;
}): React.JSX.Element | null {
  const { label, width = 160, height = 40 } = props;
  const points = inOrder(props.points);
  const found = extent([points]);
  if (found === null || points.length < 2) {
    return null;
  }
  const x = new Scale(found.x, [PAD, width - PAD]);
  const y = new Scale(props.range ?? found.y, [height - PAD, PAD]);
  const runs = stretches(thin(points, found.x, width));
  const lines = runs.map(run => path(run, x, y));
  const last = runs.at(-1)?.at(-1);
  return (
    <svg
      role="img"
      aria-label={label}
      className="jp-cloudml-Sparkline"
      width={width}
      height={height}
      viewBox={`0 0 ${width} ${height}`}
    >
      <line
        className="jp-cloudml-Chart-axis"
        x1={0}
        x2={width}
        y1={height - 0.5}
        y2={height - 0.5}
      />
      {lines.map((d, i) => (
        <path key={i} className="jp-cloudml-Chart-line jp-mod-look0" d={d} />
      ))}
      {props.isFilled &&
        lines.map((d, i) => (
          <path
            key={`fill${i}`}
            className="jp-cloudml-Sparkline-fill"
            d={`${d}V${height - 1}H${x.at(runs[i][0][0]).toFixed(1)}Z`}
          />
        ))}
      {last && (
        <circle
          className="jp-cloudml-Chart-dot jp-mod-look0"
          cx={x.at(last[0])}
          cy={y.at(last[1])}
          r={2.2}
        />
      )}
    </svg>
  );
}

/** The `d` of an SVG path through `run`; a lone point becomes a stroke of no length, which round caps make a dot. */
export function path(run: readonly Point[], x: Scale, y: Scale): string {
  const places = run.map(point => `${x.at(point[0]).toFixed(1)},${y.at(point[1]).toFixed(1)}`);
  return places.length === 1 ? `M${places[0]}l0,0` : `M${places.join('L')}`;
}
