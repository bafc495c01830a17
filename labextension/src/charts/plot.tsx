import * as React from 'react';

import { look } from './look';
import { Scale } from './scale';
import { path } from './sparkline';
import { extent, nearest, stretches, thin, type Curve, type Point, type Range } from './series';

const LEFT = 52;
const RIGHT = 10;
const TOP = 8;
const BOTTOM = 22;
const MIN_DRAG = 4;

export interface PlotProps {
  label: string;
  hintId: string;
  /** Shown pale behind the drawn ones. */
  raw: readonly Curve[];
  drawn: readonly Curve[];
  hidden: ReadonlySet<string>;
  range: Range;
  cursor: number | null;
  width: number;
  height: number;
  isLog: boolean;
  yRange?: Range;
  yText: (y: number) => string;
  onCursor: (x: number | null) => void;
  onZoom: (range: Range | null) => void;
  onKeyDown: (event: React.KeyboardEvent) => void;
}

/** The drawing itself: axes, lines, cursor, and the pointer. */
export function Plot(props: PlotProps): React.JSX.Element {
  const { drawn, hidden, range, cursor, width, height, isLog } = props;
  const [drag, setDrag] = React.useState<Range | null>(null);
  const svg = React.useRef<SVGSVGElement>(null);
  const clipId = React.useId();

  const visible = (curves: readonly Curve[]): readonly (readonly Point[])[] =>
    curves.map(curve => (hidden.has(curve.id) ? [] : curve.points));
  const lines = visible(drawn);
  const found = extent([...lines, ...visible(props.raw)], isLog, range);
  const x = new Scale(range, [LEFT, width - RIGHT]);
  const y = new Scale(
    props.yRange ?? found?.y ?? (isLog ? [0.1, 1] : [0, 1]),
    [height - BOTTOM, TOP],
    isLog
  );
  const columns = Math.max(1, Math.floor(width - LEFT - RIGHT));

  const valueAt = (event: React.PointerEvent): number => {
    const box = svg.current?.getBoundingClientRect();
    const place = event.clientX - (box?.left ?? 0);
    return Math.max(range[0], Math.min(range[1], x.valueAt(place)));
  };
  const snapped = (value: number): number | null => {
    const near = lines.map(points => nearest(points, value)).filter(point => point !== null);
    const xs = near.map(point => point[0]);
    return xs.length
      ? xs.reduce((a, b) => (Math.abs(b - value) < Math.abs(a - value) ? b : a))
      : null;
  };
  const onPointerUp = (): void => {
    if (drag && Math.abs(x.at(drag[1]) - x.at(drag[0])) >= MIN_DRAG) {
      props.onZoom(drag[0] < drag[1] ? drag : [drag[1], drag[0]]);
    }
    setDrag(null);
  };

  return (
    <svg
      ref={svg}
      role="application"
      aria-label={props.label}
      aria-describedby={props.hintId}
      tabIndex={0}
      className="jp-cloudml-Chart-plot"
      width={width}
      height={height}
      viewBox={`0 0 ${width} ${height}`}
      onKeyDown={props.onKeyDown}
      onDoubleClick={() => props.onZoom(null)}
      onPointerDown={event => {
        if (event.button === 0) {
          const value = valueAt(event);
          event.currentTarget.setPointerCapture?.(event.pointerId);
          setDrag([value, value]);
        }
      }}
      onPointerMove={event => {
        const value = valueAt(event);
        props.onCursor(snapped(value));
        if (drag) {
          setDrag([drag[0], value]);
        }
      }}
      onPointerUp={onPointerUp}
      onPointerCancel={() => setDrag(null)}
      onPointerLeave={() => props.onCursor(null)}
    >
      <clipPath id={clipId}>
        <rect
          x={LEFT}
          y={0}
          width={Math.max(0, width - LEFT - RIGHT)}
          height={height - BOTTOM + 2}
        />
      </clipPath>
      <Axes x={x} y={y} width={width} height={height} yText={props.yText} />
      <g clipPath={`url(#${clipId})`}>
        {props.raw.map((curve, i) => (
          <Line
            key={curve.id}
            points={visible([curve])[0]}
            {...{ x, y, range, columns, isLog }}
            className={`${look(i)} jp-mod-raw`}
          />
        ))}
        {lines.map((points, i) => (
          <Line
            key={drawn[i].id}
            points={points}
            {...{ x, y, range, columns, isLog }}
            className={look(i)}
          />
        ))}
        {cursor !== null && (
          <Cursor at={cursor} lines={lines} x={x} y={y} bottom={height - BOTTOM} isLog={isLog} />
        )}
        {drag && (
          <rect
            className="jp-cloudml-Chart-drag"
            x={Math.min(x.at(drag[0]), x.at(drag[1]))}
            y={TOP}
            width={Math.abs(x.at(drag[1]) - x.at(drag[0]))}
            height={height - BOTTOM - TOP}
          />
        )}
      </g>
    </svg>
  );
}

function Line(props: {
  points: readonly Point[];
  x: Scale;
  y: Scale;
  range: Range;
  columns: number;
  isLog: boolean;
  className: string;
}): React.JSX.Element | null {
  const { points, x, y, range, columns, isLog, className } = props;
  const d = stretches(thin(points, range, columns), isLog)
    .map(run => path(run, x, y))
    .join('');
  return d ? <path className={`jp-cloudml-Chart-line ${className}`} d={d} /> : null;
}

function Cursor(props: {
  at: number;
  lines: readonly (readonly Point[])[];
  x: Scale;
  y: Scale;
  bottom: number;
  isLog: boolean;
}): React.JSX.Element {
  const { at, lines, x, y, bottom, isLog } = props;
  return (
    <g aria-hidden="true">
      <line className="jp-cloudml-Chart-cursor" x1={x.at(at)} x2={x.at(at)} y1={TOP} y2={bottom} />
      {lines.map((points, i) => {
        const point = nearest(points, at);
        const isThere = point !== null && Number.isFinite(point[1]) && (!isLog || point[1] > 0);
        return isThere ? (
          <circle
            key={i}
            className={`jp-cloudml-Chart-dot ${look(i)}`}
            cx={x.at(point[0])}
            cy={y.at(point[1])}
            r={3}
          />
        ) : null;
      })}
    </g>
  );
}

function Axes(props: {
  x: Scale;
  y: Scale;
  width: number;
  height: number;
  yText: (y: number) => string;
}): React.JSX.Element {
  const { x, y, width, height, yText } = props;
  const bottom = height - BOTTOM;
  return (
    <g aria-hidden="true">
      {y.ticks(Math.max(2, Math.floor(height / 36))).map(value => (
        <g key={value}>
          <line
            className="jp-cloudml-Chart-grid"
            x1={LEFT}
            x2={width - RIGHT}
            y1={y.at(value)}
            y2={y.at(value)}
          />
          <text
            className="jp-cloudml-Chart-tick"
            x={LEFT - 6}
            y={y.at(value) + 3.5}
            textAnchor="end"
          >
            {yText(value)}
          </text>
        </g>
      ))}
      <line
        className="jp-cloudml-Chart-axis"
        x1={LEFT}
        x2={width - RIGHT}
        y1={bottom}
        y2={bottom}
      />
      {x.ticks(Math.max(2, Math.floor(width / 90))).map(value => (
        <text
          key={value}
          className="jp-cloudml-Chart-tick"
          x={x.at(value)}
          y={height - 6}
          textAnchor="middle"
        >
          {shortly(value)}
        </text>
      ))}
    </g>
  );
}

function shortly(value: number): string {
  return Math.abs(value) >= 1e5 ? value.toExponential().replace('e+', 'e') : String(value);
}
