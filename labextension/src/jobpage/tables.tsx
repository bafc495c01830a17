import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import type { BundleEntry, JobDetails } from '../api/types';
import { size } from '../charts';
import { Nothing } from '../components/notice';

/** What was asked for: the parameters that were named, then everything that the job was given. */
export function Parameters(props: {
  details: JobDetails;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { details, trans } = props;
  const { params, ...rest } = details.spec;
  const named = Object.entries((params ?? {}) as Record<string, unknown>);
  const given = Object.entries(rest).filter(([key, value]) => key !== 'source' && !isEmpty(value));
  return (
    <>
      {named.length > 0 ? (
        <Pairs caption={trans.__('Parameters')} pairs={named} />
      ) : (
        <Nothing
          title={trans.__('No parameters')}
          hint={trans.__('Record them with -p:')}
          code="%%cloudtrain -p lr 0.01"
        />
      )}
      <Pairs caption={trans.__('Options')} pairs={given} />
    </>
  );
}

/** What travelled to the job. */
export function Bundle(props: {
  entries: readonly BundleEntry[];
  trans: TranslationBundle;
}): React.JSX.Element {
  const { entries, trans } = props;
  if (!entries.length) {
    return (
      <Nothing
        title={trans.__('Nothing travelled')}
        hint={trans.__('The cell reads no name of the notebook.')}
      />
    );
  }
  const total = entries.reduce((sum, { bytes }) => sum + (bytes || 0), 0);
  return (
    <table className="jp-cloudml-Table">
      <caption>{trans._n('%1 name, %2', '%1 names, %2', entries.length, size(total))}</caption>
      <thead>
        <tr>
          <th scope="col">{trans.__('Name')}</th>
          <th scope="col">{trans.__('How')}</th>
          <th scope="col">{trans.__('Size')}</th>
          <th scope="col">{trans.__('Note')}</th>
        </tr>
      </thead>
      <tbody>
        {entries.map(entry => (
          <tr key={entry.name}>
            <th scope="row">
              <code>{entry.name}</code>
            </th>
            <td>{entry.how}</td>
            <td className="jp-cloudml-Number">{size(entry.bytes || 0)}</td>
            <td>{entry.note}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** Where the job's traces are: its run, its experiment, its models, the notebook that it ran as. */
export function Lineage(props: {
  details: JobDetails;
  onOpenRun: ((runId: string) => void) | null;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { details, onOpenRun, trans } = props;
  const { run, models = [], experiment } = details.lineage;
  const runId = typeof run?.run_id === 'string' ? run.run_id : '';
  return (
    <>
      {runId && onOpenRun && (
        <button type="button" className="jp-cloudml-Button" onClick={() => onOpenRun(runId)}>
          {trans.__('Open run')}
        </button>
      )}
      <Pairs
        caption={trans.__('Run')}
        pairs={[
          ...(experiment ? [[trans.__('experiment'), experiment] as [string, unknown]] : []),
          ...Object.entries(run ?? {}),
          ...(details.executed
            ? [[trans.__('executed notebook'), details.executed] as [string, unknown]]
            : [])
        ]}
      />
      {models.map((model, i) => (
        <Pairs key={i} caption={trans.__('Model %1', i + 1)} pairs={Object.entries(model)} />
      ))}
    </>
  );
}

function Pairs(props: {
  caption: string;
  pairs: readonly (readonly [string, unknown])[];
}): React.JSX.Element | null {
  return props.pairs.length === 0 ? null : (
    <table className="jp-cloudml-Table">
      <caption>{props.caption}</caption>
      <tbody>
        {props.pairs.map(([key, value]) => (
          <tr key={key}>
            <th scope="row">{key}</th>
            <td>{text(value)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function isEmpty(value: unknown): boolean {
  return (
    value === null ||
    value === '' ||
    value === false ||
    (typeof value === 'object' && value !== null && Object.keys(value).length === 0)
  );
}
