import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import { stops, type Curve } from './series';

const MAX_ROWS = 500;

/** The curves as numbers, for readers who cannot see them and for copying; evenly thinned above 500 rows. */
export function CurveTable(props: {
  title: string;
  curves: readonly Curve[];
  xText: (x: number) => string;
  yText: (y: number) => string;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { title, curves, xText, yText, trans } = props;
  const all = stops(curves);
  const stride = Math.max(1, Math.ceil(all.length / MAX_ROWS));
  const rows = all.filter((_, i) => i % stride === 0 || i === all.length - 1);
  const values = curves.map(curve => new Map(curve.points));
  return (
    // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- a region that scrolls must be reachable by key
    <div className="jp-cloudml-Chart-table" tabIndex={0} role="region" aria-label={title}>
      <table className="jp-cloudml-Table">
        <caption className="jp-cloudml-Hidden">
          {stride > 1 ? trans.__('%1, one row of every %2', title, stride) : title}
        </caption>
        <thead>
          <tr>
            <th scope="col">{trans.__('At')}</th>
            {curves.map(curve => (
              <th scope="col" key={curve.id}>
                {curve.label}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map(x => (
            <tr key={x}>
              <th scope="row">{xText(x)}</th>
              {values.map((of, i) => {
                const y = of.get(x);
                return <td key={curves[i].id}>{y === undefined ? '' : yText(y)}</td>;
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
