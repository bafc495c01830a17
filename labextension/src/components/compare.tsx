import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import type { Run } from '../api/types';
import { Chart, number, type Curve } from '../charts';
import type { Comparison } from '../model/comparison';
import { CurveTools, PLAIN_LOOK } from './curvetools';
import { Choice } from './jobfilter';
import { Failed, Loading, Nothing } from './notice';

/** Curves of one metric over each other, then last values and parameters side by side. */
export function Compare(props: {
  comparison: Comparison;
  trans: TranslationBundle;
  onOpen: (run: Run) => void;
}): React.JSX.Element {
  const { comparison, trans } = props;
  const [look, setLook] = React.useState(PLAIN_LOOK);
  const { runs, metric } = comparison;
  const curves = React.useMemo(
    (): Curve[] =>
      titles(runs).map((label, i) => ({
        id: runs[i].run_id,
        label,
        points: comparison.curves[runs[i].run_id] ?? []
      })),
    [runs, comparison.curves]
  );
  return (
    <div className="jp-cloudml-Beside">
      {comparison.metrics.length > 0 ? (
        <section aria-label={trans.__('Curves')}>
          <CurveTools
            look={look}
            onChange={setLook}
            trans={trans}
            lead={
              <Choice
                label={trans.__('Metric')}
                value={metric}
                options={comparison.metrics}
                onChange={name => comparison.setMetric(name)}
              />
            }
          />
          {comparison.phase === 'error' ? (
            <Failed
              error={comparison.error}
              trans={trans}
              onRetry={() => void comparison.refresh()}
            />
          ) : comparison.phase === 'loading' ? (
            <Loading trans={trans} />
          ) : (
            <Chart
              title={metric}
              curves={curves}
              trans={trans}
              smoothing={look.smoothing}
              isLog={look.isLog}
              height={300}
            />
          )}
        </section>
      ) : (
        <Nothing
          title={trans.__('These runs logged no metric')}
          hint={trans.__('Log one in the cell:')}
          code="cloudml.log(loss=loss)"
        />
      )}
      <SideBySide
        title={trans.__('Last values')}
        runs={runs}
        rows={comparison.last.map(({ name, values }) => ({
          name,
          cells: values.map(number),
          isSame: false
        }))}
        onOpen={props.onOpen}
        isNumeric
      />
      <SideBySide
        title={trans.__('Parameters')}
        runs={runs}
        rows={comparison.params.map(({ name, values, isSame }) => ({
          name,
          cells: values.map(value => value ?? '–'),
          isSame
        }))}
        onOpen={props.onOpen}
      />
    </div>
  );
}

function SideBySide(props: {
  title: string;
  runs: readonly Run[];
  rows: readonly { name: string; cells: readonly string[]; isSame: boolean }[];
  isNumeric?: boolean;
  onOpen: (run: Run) => void;
}): React.JSX.Element | null {
  const { runs, rows } = props;
  const names = titles(runs);
  if (rows.length === 0) {
    return null;
  }
  return (
    <div className="jp-cloudml-Beside-scroller">
      <table className={props.isNumeric ? 'jp-mod-numeric' : ''}>
        <caption>{props.title}</caption>
        <thead>
          <tr>
            <td />
            {runs.map((run, i) => (
              <th key={run.run_id} scope="col">
                <button type="button" className="jp-cloudml-Link" onClick={() => props.onOpen(run)}>
                  {names[i]}
                </button>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map(row => (
            <tr key={row.name} className={row.isSame ? 'jp-mod-same' : ''}>
              <th scope="row">{row.name}</th>
              {row.cells.map((cell, i) => (
                <td key={runs[i].run_id}>{cell}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** The names of the runs, told apart where two have the same. */
function titles(runs: readonly Run[]): string[] {
  const names = runs.map(run => run.name || run.run_id.slice(0, 8));
  return names.map((name, i) =>
    names.indexOf(name) === names.lastIndexOf(name)
      ? name
      : `${name} · ${runs[i].run_id.slice(0, 4)}`
  );
}
