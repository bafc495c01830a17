import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import type { JobRow } from '../api/types';
import { Chart, duration } from '../charts';
import { CurveTools, PLAIN_LOOK, type CurveLook } from '../components/curvetools';
import { Failed, Loading, Nothing } from '../components/notice';
import { charts, type Axis, type Source } from './curves';
import { label, type PageModel } from './model';

/** How the charts of a page are drawn; the page keeps it while another tab is looked at. */
export interface ChartsLook extends CurveLook {
  readonly axis: Axis;
}

export const FIRST_LOOK: ChartsLook = { ...PLAIN_LOOK, axis: 'step' };

/** Every metric as a chart; all charts have one smoothing, scale and axis. */
export function MetricsTab(props: {
  model: PageModel;
  name: string;
  look: ChartsLook;
  onLook: (look: ChartsLook) => void;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { model, name, look, trans } = props;
  const { smoothing, isLog, axis } = look;
  React.useEffect(() => model.metrics.want(), [model]);
  const { value, error } = model.metrics;
  const { others, jobId } = model;
  const drawn = React.useMemo(() => {
    const own: Source = {
      id: jobId,
      label: others.length ? label({ id: jobId, name }) : name,
      metrics: value ?? new Map()
    };
    return charts([own, ...others], axis);
  }, [value, others, axis, jobId, name]);

  if (value === null) {
    return error ? (
      <Failed error={error} trans={trans} onRetry={() => model.metrics.refresh()} />
    ) : (
      <Loading trans={trans} />
    );
  }
  const xText = axis === 'time' ? (x: number) => duration(x, trans) : undefined;
  return (
    <>
      <CurveTools
        look={look}
        onChange={changed => props.onLook({ ...look, ...changed })}
        trans={trans}
      >
        <label>
          {trans.__('Along')}
          <select
            value={axis}
            onChange={event => props.onLook({ ...look, axis: event.target.value as Axis })}
          >
            <option value="step">{trans.__('steps')}</option>
            <option value="time">{trans.__('time')}</option>
          </select>
        </label>
        <Compare model={model} trans={trans} />
      </CurveTools>
      {drawn.length === 0 ? (
        <Nothing
          title={trans.__('No metrics yet')}
          hint={trans.__('Log them in the cell:')}
          code={'import jupyter_cloudml as cloudml\ncloudml.log(loss=loss)'}
        />
      ) : (
        <div className="jp-cloudml-Page-charts">
          {drawn.map(chart => (
            <Chart
              key={`${axis} ${chart.name}`}
              title={chart.name}
              curves={chart.curves}
              smoothing={smoothing}
              isLog={isLog}
              xText={xText}
              trans={trans}
            />
          ))}
        </div>
      )}
    </>
  );
}

/** Which jobs are compared, and a search for more. */
function Compare(props: { model: PageModel; trans: TranslationBundle }): React.JSX.Element {
  const { model, trans } = props;
  const [words, setWords] = React.useState('');
  const [found, setFound] = React.useState<readonly JobRow[]>([]);
  const [error, setError] = React.useState('');
  const listId = React.useId();

  React.useEffect(() => {
    let isStale = false;
    const timer = setTimeout(() => {
      model.candidates(words).then(
        rows => !isStale && setFound(rows),
        (reason: Error) => !isStale && setError(reason.message)
      );
    }, 200);
    return () => {
      isStale = true;
      clearTimeout(timer);
    };
  }, [model, words]);

  const choose = (text: string): void => {
    const row = found.find(row => text === optionOf(row));
    if (!row) {
      setWords(text);
      return;
    }
    setWords('');
    setError('');
    model.compare(row).catch((reason: Error) => setError(reason.message));
  };

  return (
    <span className="jp-cloudml-Compare">
      <label>
        {trans.__('Compare with')}
        <input
          type="search"
          list={listId}
          value={words}
          placeholder={trans.__('a job')}
          onChange={event => choose(event.target.value)}
        />
      </label>
      <datalist id={listId}>
        {found.map(row => (
          <option key={row.id} value={optionOf(row)}>
            {`${row.state} · ${row.experiment} · ${new Date(row.created_at * 1000).toLocaleString()}`}
          </option>
        ))}
      </datalist>
      {model.others.map(other => (
        <button
          key={other.id}
          type="button"
          className="jp-cloudml-Button"
          aria-label={trans.__('Stop comparing with %1', other.label)}
          onClick={() => model.drop(other.id)}
        >
          {other.label} ×
        </button>
      ))}
      {error && (
        <span role="alert" className="jp-cloudml-Card-error">
          {error}
        </span>
      )}
    </span>
  );
}

function optionOf(row: JobRow): string {
  return label(row);
}
