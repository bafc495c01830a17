import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import { number } from './format';
import { look } from './look';
import { Plot } from './plot';
import { extent, inOrder, nearest, smooth, stops, type Curve, type Range } from './series';
import { CurveTable } from './table';
import { useWidth } from './width';

const KEY_STEP = 0.1;

export interface ChartProps {
  /** What the curves show; the chart's name for everybody. */
  title: string;
  curves: readonly Curve[];
  trans: TranslationBundle;
  /** 0 (none) up to below 1. */
  smoothing?: number;
  isLog?: boolean;
  height?: number;
  /** How an x reads (`step 3`, `12 s`). */
  xText?: (x: number) => string;
  yText?: (y: number) => string;
  /** A fixed range of y. */
  yRange?: Range;
}

/**
 * Curves over a common x: zoom (drag, or + and −), a cursor with values (pointer or arrow keys), curves switched on and
 * off by their names, and the same numbers as a table. The raw curve stays visible, pale, behind a smoothed one.
 */
export function Chart(props: ChartProps): React.JSX.Element {
  const { title, trans, smoothing = 0, isLog = false, height = 220 } = props;
  const xText = props.xText ?? ((x: number) => trans.__('step %1', number(x)));
  const yText = props.yText ?? number;
  const [zoom, setZoom] = React.useState<Range | null>(null);
  const [cursor, setCursor] = React.useState<number | null>(null);
  const [hidden, setHidden] = React.useState<ReadonlySet<string>>(new Set());
  const [isTable, setIsTable] = React.useState(false);
  const [ref, width] = useWidth<HTMLElement>(480);
  const hintId = React.useId();

  const raw = React.useMemo(
    () => props.curves.map(curve => ({ ...curve, points: inOrder(curve.points) })),
    [props.curves]
  );
  const drawn = React.useMemo(
    () => raw.map(curve => ({ ...curve, points: smooth(curve.points, smoothing) })),
    [raw, smoothing]
  );
  const whole =
    extent(
      raw.map(curve => curve.points),
      isLog
    )?.x ?? null;
  const shown = zoom ?? whole;
  const at = React.useMemo(() => stops(raw), [raw]);
  const readout = cursor === null ? '' : reading(drawn, hidden, cursor, xText, yText);

  const toggle = (id: string): void => {
    const next = new Set(hidden);
    if (!next.delete(id)) {
      next.add(id);
    }
    setHidden(next);
  };

  const onKeyDown = (event: React.KeyboardEvent): void => {
    if (shown === null || whole === null || event.ctrlKey || event.metaKey || event.altKey) {
      return;
    }
    const moved = keyed(event, { at, cursor, shown, whole });
    if (moved === null) {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
    setCursor(moved.cursor);
    setZoom(moved.zoom);
  };

  return (
    <figure className="jp-cloudml-Chart" ref={ref} aria-label={title}>
      <figcaption className="jp-cloudml-Chart-head">
        <span className="jp-cloudml-Chart-title">{title}</span>
        {zoom && (
          <button type="button" className="jp-cloudml-Link" onClick={() => setZoom(null)}>
            {trans.__('Reset zoom')}
          </button>
        )}
        <button
          type="button"
          className="jp-cloudml-Link"
          aria-pressed={isTable}
          onClick={() => setIsTable(!isTable)}
        >
          {trans.__('Table')}
        </button>
      </figcaption>
      {isTable ? (
        <CurveTable title={title} curves={raw} xText={xText} yText={yText} trans={trans} />
      ) : shown === null ? (
        <p className="jp-cloudml-Empty">
          {isLog ? trans.__('No positive value for a log scale') : trans.__('No points yet')}
        </p>
      ) : (
        <Plot
          label={trans.__('Chart of %1', title)}
          hintId={hintId}
          raw={smoothing > 0 ? raw : []}
          drawn={drawn}
          hidden={hidden}
          range={shown}
          cursor={cursor}
          width={width}
          height={height}
          isLog={isLog}
          yRange={props.yRange}
          yText={yText}
          onCursor={setCursor}
          onZoom={setZoom}
          onKeyDown={onKeyDown}
        />
      )}
      <span id={hintId} className="jp-cloudml-Hidden">
        {trans.__('Arrow keys move the cursor, plus and minus zoom, 0 shows everything.')}
      </span>
      <span role="status" className="jp-cloudml-Hidden">
        {readout}
      </span>
      <Legend
        curves={drawn}
        hidden={hidden}
        cursor={cursor}
        xText={xText}
        yText={yText}
        onToggle={toggle}
      />
    </figure>
  );
}

function Legend(props: {
  curves: readonly Curve[];
  hidden: ReadonlySet<string>;
  cursor: number | null;
  xText: (x: number) => string;
  yText: (y: number) => string;
  onToggle: (id: string) => void;
}): React.JSX.Element {
  const { curves, hidden, cursor, xText, yText } = props;
  return (
    <div className="jp-cloudml-Chart-legend">
      {curves.map((curve, index) => {
        const point = cursor === null ? curve.points.at(-1) : nearest(curve.points, cursor);
        return (
          <button
            type="button"
            key={curve.id}
            aria-pressed={!hidden.has(curve.id)}
            className="jp-cloudml-Chart-key"
            onClick={() => props.onToggle(curve.id)}
          >
            <svg width={18} height={8} aria-hidden="true">
              <path className={`jp-cloudml-Chart-line ${look(index)}`} d="M1,4L17,4" />
            </svg>
            <span className="jp-cloudml-Chart-name">{curve.label}</span>
            <span className="jp-cloudml-Chart-value">{point ? yText(point[1]) : ''}</span>
          </button>
        );
      })}
      {cursor !== null && <span className="jp-cloudml-Chart-at">{xText(cursor)}</span>}
    </div>
  );
}

function reading(
  curves: readonly Curve[],
  hidden: ReadonlySet<string>,
  cursor: number,
  xText: (x: number) => string,
  yText: (y: number) => string
): string {
  const values = curves
    .filter(curve => !hidden.has(curve.id))
    .map(curve => {
      const point = nearest(curve.points, cursor);
      return point ? `${curve.label} ${yText(point[1])}` : '';
    });
  return [xText(cursor), ...values].filter(Boolean).join(', ');
}

interface View {
  at: readonly number[];
  cursor: number | null;
  shown: Range;
  whole: Range;
}

/** Where a key leads; null for a key that means nothing here. */
function keyed(
  event: Pick<React.KeyboardEvent, 'key'>,
  view: View
): { cursor: number | null; zoom: Range | null } | null {
  const { at, cursor, shown, whole } = view;
  const zoom = shown[0] === whole[0] && shown[1] === whole[1] ? null : shown;
  const inside = at.filter(x => x >= shown[0] && x <= shown[1]);
  const index = cursor === null ? -1 : inside.indexOf(cursor);
  const stop = (i: number): number | null =>
    inside[Math.max(0, Math.min(inside.length - 1, i))] ?? null;
  switch (event.key) {
    case 'ArrowRight':
      return { cursor: stop(index + 1), zoom };
    case 'ArrowLeft':
      return { cursor: stop(index < 0 ? inside.length - 1 : index - 1), zoom };
    case 'Home':
      return { cursor: stop(0), zoom };
    case 'End':
      return { cursor: stop(inside.length - 1), zoom };
    case '+':
    case '=':
      return { cursor, zoom: narrowed(shown, whole, cursor, 1 - 2 * KEY_STEP) };
    case '-':
      return { cursor, zoom: narrowed(shown, whole, cursor, 1 / (1 - 2 * KEY_STEP)) };
    case '0':
      return { cursor, zoom: null };
    case 'Escape':
      return cursor === null && zoom === null ? null : { cursor: null, zoom: null };
    default:
      return null;
  }
}

function narrowed(shown: Range, whole: Range, cursor: number | null, factor: number): Range | null {
  const middle = cursor ?? (shown[0] + shown[1]) / 2;
  const low = Math.max(whole[0], middle - (middle - shown[0]) * factor);
  const high = Math.min(whole[1], middle + (shown[1] - middle) * factor);
  return low <= whole[0] && high >= whole[1] ? null : [low, high];
}
