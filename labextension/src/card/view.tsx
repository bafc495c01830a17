import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import type { JobSnapshot, MetricSummary, Progress } from '../api/types';
import { duration, number, Sparkline } from '../charts';
import { useNow } from '../components/window';
import { errorText } from './plain';
import { ResourceStrips, type Samples } from './resources';
import { StateBadge } from './state';

const MAX_CURVES = 8;
const MAX_NOTES = 3;

export interface CardAction {
  readonly id: string;
  readonly label: string;
  readonly isMain?: boolean;
  readonly run: () => Promise<unknown> | void;
}

export interface CardProps {
  snapshot: JobSnapshot;
  samples: Samples;
  /** Seconds that the job has run, asked once a second while `isTicking`. */
  elapsedS: () => number | null;
  isTicking: boolean;
  /** Why what is shown may be old. */
  warning: string;
  /** What the last action said. */
  answer: string;
  actions: readonly CardAction[];
  onOpen: (() => void) | null;
  trans: TranslationBundle;
}

/** A job at a glance. Only the state is announced; the rest can be read when one wants to. */
export function CardView(props: CardProps): React.JSX.Element {
  const { snapshot, trans } = props;
  const name = snapshot.name || trans.__('job');
  return (
    <section
      className="jp-cloudml-Card"
      aria-label={trans.__('Job %1', name)}
      data-state={snapshot.state}
    >
      <header className="jp-cloudml-Card-head">
        <StateBadge state={snapshot.state} trans={trans} isLive />
        {props.onOpen ? (
          <button
            type="button"
            className="jp-cloudml-Link jp-cloudml-Card-name"
            title={trans.__('Open the page of this job')}
            onClick={props.onOpen}
          >
            {name}
          </button>
        ) : (
          <span className="jp-cloudml-Card-name">{name}</span>
        )}
        <span>{trans.__('on %1', snapshot.target)}</span>
        {snapshot.attempt > 1 && <span>{trans.__('attempt %1', snapshot.attempt)}</span>}
        <Elapsed {...props} />
        <code className="jp-cloudml-Card-id">{snapshot.id}</code>
      </header>
      <Why snapshot={snapshot} />
      {props.warning && <p className="jp-cloudml-Card-warning">{props.warning}</p>}
      {snapshot.progress.map(bar => (
        <Bar key={bar.id} bar={bar} trans={trans} />
      ))}
      <Metrics metrics={snapshot.metrics} trans={trans} />
      <ResourceStrips samples={props.samples} last={snapshot.resources} trans={trans} />
      <Foot snapshot={snapshot} trans={trans} />
      <Actions actions={props.actions} answer={props.answer} trans={trans} />
    </section>
  );
}

function Elapsed(
  props: Pick<CardProps, 'elapsedS' | 'isTicking' | 'trans'>
): React.JSX.Element | null {
  useNow(props.isTicking);
  const elapsed = props.elapsedS();
  return elapsed === null ? null : (
    <time className="jp-cloudml-Number">{duration(elapsed, props.trans)}</time>
  );
}

function Why(props: { snapshot: JobSnapshot }): React.JSX.Element | null {
  const error = errorText(props.snapshot);
  const text = error || props.snapshot.reason;
  return text ? (
    <p className={error ? 'jp-cloudml-Card-error' : 'jp-cloudml-Card-reason'}>{text}</p>
  ) : null;
}

export function Bar(props: { bar: Progress; trans: TranslationBundle }): React.JSX.Element {
  const { bar, trans } = props;
  const name = bar.desc || trans.__('progress');
  const share = bar.total ? Math.min(1, bar.n / bar.total) : null;
  const words = [
    name,
    bar.total === null ? number(bar.n) : `${number(bar.n)}/${number(bar.total)}`,
    share === null ? '' : `${Math.round(share * 100)}%`,
    bar.eta_s !== null && !bar.done ? trans.__('%1 left', duration(bar.eta_s, trans)) : ''
  ];
  return (
    <div className="jp-cloudml-Bar">
      {share !== null && (
        <div
          role="progressbar"
          aria-label={name}
          aria-valuemin={0}
          aria-valuemax={100}
          aria-valuenow={Math.round(share * 100)}
          className="jp-cloudml-Bar-rail"
        >
          <div className="jp-cloudml-Bar-fill" style={{ width: `${share * 100}%` }} />
        </div>
      )}
      <span className="jp-cloudml-Number">{words.filter(Boolean).join(' · ')}</span>
    </div>
  );
}

function Metrics(props: {
  metrics: Record<string, MetricSummary>;
  trans: TranslationBundle;
}): React.JSX.Element | null {
  const all = Object.entries(props.metrics);
  if (!all.length) {
    return null;
  }
  return (
    <ul className="jp-cloudml-Card-metrics">
      {all.map(([name, series], index) => (
        <li key={name}>
          <span className="jp-cloudml-Card-metric">
            <span className="jp-cloudml-dim">{name}</span>
            <b className="jp-cloudml-Number">{number(series.last)}</b>
          </span>
          {index < MAX_CURVES && (
            <Sparkline
              points={series.points}
              label={props.trans.__('%1: %2 at step %3', name, number(series.last), series.step)}
            />
          )}
        </li>
      ))}
    </ul>
  );
}

function Foot(props: { snapshot: JobSnapshot; trans: TranslationBundle }): React.JSX.Element {
  const { snapshot, trans } = props;
  const step = snapshot.checkpoint?.step;
  const words = [
    snapshot.checkpoint && trans.__('checkpoint at step %1', String(step ?? '?')),
    snapshot.run_id &&
      trans.__('run %1 in %2', snapshot.run_id.slice(0, 8), snapshot.experiment || 'Default')
  ].filter(Boolean);
  return (
    <>
      {words.length > 0 && <p className="jp-cloudml-dim jp-cloudml-Number">{words.join(' · ')}</p>}
      {snapshot.notes.slice(-MAX_NOTES).map(note => (
        <p key={note} className="jp-cloudml-dim">
          {note}
        </p>
      ))}
    </>
  );
}

function Actions(props: {
  actions: readonly CardAction[];
  answer: string;
  trans: TranslationBundle;
}): React.JSX.Element {
  const [busy, setBusy] = React.useState('');
  const [error, setError] = React.useState('');
  const isMounted = React.useRef(true);
  React.useEffect(() => {
    isMounted.current = true;
    return () => {
      isMounted.current = false;
    };
  }, []);

  const press = async (action: CardAction): Promise<void> => {
    setBusy(action.id);
    setError('');
    try {
      await action.run();
    } catch (reason) {
      if (isMounted.current) {
        setError(reason instanceof Error ? reason.message : String(reason));
      }
    } finally {
      if (isMounted.current) {
        setBusy('');
      }
    }
  };

  return (
    <footer className="jp-cloudml-Card-actions">
      {props.actions.map(action => (
        <button
          key={action.id}
          type="button"
          className={`jp-cloudml-Button${action.isMain ? ' jp-mod-accept' : ''}`}
          disabled={busy === action.id}
          onClick={() => void press(action)}
        >
          {action.label}
        </button>
      ))}
      <span role="status" className={error ? 'jp-cloudml-Card-error' : 'jp-cloudml-dim'}>
        {error || props.answer}
      </span>
    </footer>
  );
}
