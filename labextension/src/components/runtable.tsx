import type { TranslationBundle } from '@jupyterlab/translation';
import { caretDownIcon, caretUpIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

import type { Run } from '../api/types';
import { number } from '../charts/format';
import { own } from '../model/own';
import { ago } from './times';
import { useSight } from './window';

const ROW_PX = 26;

/** Runs by place, of which only those in sight need be here. */
export interface RunSource {
  readonly total: number;
  readonly columns: readonly string[];
  readonly query: { readonly sort?: string; readonly order?: 'asc' | 'desc' };
  readonly chosen: readonly Run[];
  at(index: number): Run | undefined;
  see(first: number, last: number): void;
}

export interface RunTableProps {
  runs: RunSource;
  trans: TranslationBundle;
  onSort: (by: string) => void;
  onChoose: (run: Run, isChosen: boolean) => void;
  onOpen: (run: Run) => void;
}

/** A native table, of whose 10,000 rows those in sight are drawn. */
export function RunTable(props: RunTableProps): React.JSX.Element {
  const { runs, trans } = props;
  const scroller = React.useRef<HTMLDivElement>(null);
  const { first, last } = useSight(scroller, runs.total, ROW_PX);
  React.useEffect(() => runs.see(Math.max(0, first), Math.max(0, last)), [runs, first, last]);
  const chosen = new Set(runs.chosen.map(run => run.run_id));
  const now = Date.now();
  const indices = Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => first + i);
  return (
    <div className="jp-cloudml-Runs-scroller" ref={scroller}>
      <table aria-label={trans.__('Runs')} aria-rowcount={runs.total + 1}>
        <thead>
          <tr aria-rowindex={1}>
            <th scope="col" className="jp-mod-check">
              <span className="jp-cloudml-Hidden">{trans.__('Chosen')}</span>
            </th>
            <Head by="name" label={trans.__('Run')} className="jp-mod-name" {...props} />
            {runs.columns.map(name => (
              <Head key={name} by={`metrics.${name}`} label={name} {...props} />
            ))}
            <Head by="start_time" label={trans.__('Started')} {...props} />
          </tr>
        </thead>
        <tbody>
          {first > 0 && <tr aria-hidden="true" style={{ height: first * ROW_PX }} />}
          {indices.map(index => {
            const run = runs.at(index);
            return run ? (
              <RunRow
                key={run.run_id}
                run={run}
                index={index}
                columns={runs.columns}
                isChosen={chosen.has(run.run_id)}
                now={now}
                trans={trans}
                onChoose={props.onChoose}
                onOpen={props.onOpen}
              />
            ) : (
              <tr key={index} aria-rowindex={index + 2} className="jp-mod-waiting">
                <td colSpan={runs.columns.length + 3} aria-label={trans.__('Loading…')} />
              </tr>
            );
          })}
          {last < runs.total - 1 && (
            <tr aria-hidden="true" style={{ height: (runs.total - 1 - last) * ROW_PX }} />
          )}
        </tbody>
      </table>
    </div>
  );
}

function Head(
  props: RunTableProps & { by: string; label: string; className?: string }
): React.JSX.Element {
  const { by, label, runs } = props;
  const order = runs.query.sort === by ? (runs.query.order ?? 'asc') : null;
  const said = order === 'asc' ? 'ascending' : order === 'desc' ? 'descending' : undefined;
  return (
    <th scope="col" className={props.className} aria-sort={said}>
      <button type="button" title={label} onClick={() => props.onSort(by)}>
        <span>{label}</span>
        {order === 'asc' && <caretUpIcon.react tag="span" width="14px" height="14px" />}
        {order === 'desc' && <caretDownIcon.react tag="span" width="14px" height="14px" />}
      </button>
    </th>
  );
}

function RunRow(props: {
  run: Run;
  index: number;
  columns: readonly string[];
  isChosen: boolean;
  now: number;
  trans: TranslationBundle;
  onChoose: (run: Run, isChosen: boolean) => void;
  onOpen: (run: Run) => void;
}): React.JSX.Element {
  const { run, trans, isChosen } = props;
  const name = run.name || run.run_id.slice(0, 8);
  return (
    <tr aria-rowindex={props.index + 2} className={isChosen ? 'jp-mod-chosen' : ''}>
      <td className="jp-mod-check">
        <input
          type="checkbox"
          aria-label={trans.__('Choose %1', name)}
          checked={isChosen}
          onChange={event => props.onChoose(run, event.target.checked)}
        />
      </td>
      <th scope="row" className="jp-mod-name">
        <button
          type="button"
          data-status={run.status}
          title={`${name} · ${run.status.toLowerCase()}`}
          onClick={() => props.onOpen(run)}
        >
          {name}
        </button>
      </th>
      {props.columns.map(column => (
        <td key={column}>{number(own(run.metrics, column))}</td>
      ))}
      <td className="jp-mod-time">
        {run.start_time === null ? '' : ago(run.start_time, props.now, trans)}
      </td>
    </tr>
  );
}
