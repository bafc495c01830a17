import type { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import { duration } from '../charts';
import { Bar } from '../card/view';
import { errorText } from '../card/plain';
import { StateBadge } from '../card/state';
import { Failed, Loading, Nothing } from '../components/notice';
import { useNow } from '../components/window';
import { Log } from './log';
import { FIRST_LOOK, MetricsTab } from './metrics';
import type { PageModel, Part } from './model';
import { ResourcesTab } from './resources';
import { useSignal } from './signals';
import { Source, type Highlight } from './source';
import { Bundle, Lineage, Parameters } from './tables';
import { Tabs } from './tabs';

export interface PageTools {
  readonly rendermime: IRenderMimeRegistry;
  readonly trans: TranslationBundle;
  readonly highlight: Highlight | null;
  readonly onOpenRun: ((runId: string) => void) | null;
  readonly onOpenCell: ((notebook: string, cellId: string) => void) | null;
}

/** The page of one job: a head that is always there, and a tab for each thing that one may want to know. */
export function Page(props: PageTools & { model: PageModel }): React.JSX.Element {
  const { model, trans } = props;
  useSignal(model.changed);
  const [look, setLook] = React.useState(FIRST_LOOK);
  const { job } = model;
  const snapshot = job.snapshot;
  if (snapshot === null) {
    return job.error ? (
      <Failed error={new Error(job.error)} trans={trans} onRetry={() => job.refresh()} />
    ) : (
      <Loading trans={trans} />
    );
  }
  const feed = job.feed();
  const name = snapshot.name || model.jobId;
  const tabs = [
    {
      id: 'output',
      label: trans.__('Output'),
      draw: () =>
        feed && (
          <Log
            feed={feed}
            isOver={job.isOver}
            rendermime={props.rendermime}
            fileName={`${snapshot.name || 'job'}-${model.jobId}.txt`}
            trans={trans}
          />
        )
    },
    {
      id: 'metrics',
      label: trans.__('Metrics'),
      draw: () => (
        <MetricsTab model={model} name={name} look={look} onLook={setLook} trans={trans} />
      )
    },
    {
      id: 'resources',
      label: trans.__('Resources'),
      draw: () => <ResourcesTab model={model} trans={trans} />
    },
    {
      id: 'parameters',
      label: trans.__('Parameters'),
      draw: () => (
        <Of
          part={model.details}
          trans={trans}
          draw={details => <Parameters details={details} trans={trans} />}
        />
      )
    },
    {
      id: 'bundle',
      label: trans.__('Bundle'),
      draw: () => (
        <Of
          part={model.details}
          trans={trans}
          draw={details => <Bundle entries={details.bundle} trans={trans} />}
        />
      )
    },
    {
      id: 'source',
      label: trans.__('Source'),
      draw: () => (
        <Of
          part={model.details}
          trans={trans}
          draw={details => (
            <Source
              code={details.source}
              label={trans.__('Source of the cell')}
              highlight={props.highlight}
            />
          )}
        />
      )
    },
    {
      id: 'environment',
      label: trans.__('Environment'),
      draw: () => (
        <Of
          part={model.details}
          trans={trans}
          draw={({ environment }) =>
            environment ? (
              <Source code={environment} label={trans.__('Environment')} highlight={null} />
            ) : (
              <Nothing title={trans.__('No environment was recorded')} />
            )
          }
        />
      )
    },
    {
      id: 'lineage',
      label: trans.__('Lineage'),
      draw: () => (
        <Of
          part={model.details}
          trans={trans}
          draw={details => <Lineage details={details} onOpenRun={props.onOpenRun} trans={trans} />}
        />
      )
    }
  ];
  return (
    <>
      <Head {...props} />
      <Tabs label={trans.__('Parts of the job')} tabs={tabs} />
    </>
  );
}

function Head(props: PageTools & { model: PageModel }): React.JSX.Element | null {
  const { model, trans } = props;
  const { job } = model;
  const snapshot = job.snapshot;
  const [error, setError] = React.useState('');
  useNow(job.isWatched && job.isLive && !job.isOver);
  if (snapshot === null) {
    return null;
  }
  const run = (action: () => Promise<void>) => () => {
    setError('');
    action().catch((reason: Error) => setError(reason.message));
  };
  const elapsed = job.elapsedS();
  const why = errorText(snapshot) || snapshot.reason;
  const { onOpenCell, onOpenRun } = props;
  return (
    <header className="jp-cloudml-Page-head">
      <div className="jp-cloudml-Card-head">
        <h1>{snapshot.name || trans.__('job')}</h1>
        <StateBadge state={snapshot.state} trans={trans} isLive />
        <span>{trans.__('on %1', snapshot.target)}</span>
        {elapsed !== null && <time className="jp-cloudml-Number">{duration(elapsed, trans)}</time>}
        {snapshot.attempt > 1 && <span>{trans.__('attempt %1', snapshot.attempt)}</span>}
        <code className="jp-cloudml-Card-id">{snapshot.id}</code>
      </div>
      {why && <p className={snapshot.error ? 'jp-cloudml-Card-error' : 'jp-cloudml-dim'}>{why}</p>}
      {snapshot.progress.map(bar => (
        <Bar key={bar.id} bar={bar} trans={trans} />
      ))}
      {snapshot.notes.map(note => (
        <p key={note} className="jp-cloudml-dim">
          {note}
        </p>
      ))}
      <div className="jp-cloudml-Card-actions">
        {!job.isOver && (
          <button type="button" className="jp-cloudml-Button" onClick={run(() => job.cancel())}>
            {trans.__('Cancel')}
          </button>
        )}
        {job.isOver && (
          <button type="button" className="jp-cloudml-Button" onClick={run(() => job.retry())}>
            {trans.__('Retry')}
          </button>
        )}
        {snapshot.notebook && onOpenCell && (
          <button
            type="button"
            className="jp-cloudml-Button"
            onClick={() => onOpenCell(snapshot.notebook, snapshot.cell_id)}
          >
            {snapshot.cell_id ? trans.__('Show the cell') : trans.__('Open notebook')}
          </button>
        )}
        {snapshot.run_id && onOpenRun && (
          <button
            type="button"
            className="jp-cloudml-Button"
            onClick={() => onOpenRun(snapshot.run_id)}
          >
            {trans.__('Open run')}
          </button>
        )}
        <span role="status" className="jp-cloudml-Card-error">
          {error || job.error}
        </span>
      </div>
    </header>
  );
}

/** A part that is asked for when it is drawn first. */
function Of<T>(props: {
  part: Part<T>;
  trans: TranslationBundle;
  draw: (value: T) => React.JSX.Element;
}): React.JSX.Element {
  const { part, trans } = props;
  React.useEffect(() => part.want(), [part]);
  if (part.value !== null) {
    return props.draw(part.value);
  }
  return part.error ? (
    <Failed error={part.error} trans={trans} onRetry={() => part.refresh()} />
  ) : (
    <Loading trans={trans} />
  );
}
