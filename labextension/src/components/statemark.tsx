import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import type { JobState } from '../api/types';

const SHAPES: Record<JobState, React.JSX.Element> = {
  QUEUED: (
    <>
      <circle cx="8" cy="8" r="5.5" />
      <path d="M8 5v3.2l2 1.3" />
    </>
  ),
  STARTING: <circle cx="8" cy="8" r="5.5" strokeDasharray="3 2.76" />,
  RUNNING: (
    <>
      <circle cx="8" cy="8" r="5.5" className="jp-cloudml-Mark-track" />
      <path d="M8 2.5a5.5 5.5 0 0 1 5.5 5.5" className="jp-cloudml-Mark-arc" />
    </>
  ),
  STOPPING: (
    <>
      <circle cx="8" cy="8" r="5.5" strokeDasharray="3 2.76" />
      <path d="M6.2 6.2h3.6v3.6H6.2z" className="jp-cloudml-Mark-solid" />
    </>
  ),
  SUCCEEDED: <path d="M3.5 8.5l3 3 6-6.5" />,
  FAILED: <path d="M4.2 4.2l7.6 7.6M11.8 4.2l-7.6 7.6" />,
  CANCELLED: (
    <>
      <circle cx="8" cy="8" r="5.5" />
      <path d="M4.2 11.8l7.6-7.6" />
    </>
  ),
  LOST: (
    <>
      <circle cx="8" cy="8" r="5.5" />
      <path d="M6.6 6.6a1.5 1.5 0 1 1 1.6 1.9v.6M8.2 11h.01" />
    </>
  )
};

/** The word for a state, as people say it. */
export function stateWord(state: JobState, trans: TranslationBundle): string {
  const words: Record<JobState, string> = {
    QUEUED: trans.__('queued'),
    STARTING: trans.__('starting'),
    RUNNING: trans.__('running'),
    STOPPING: trans.__('stopping'),
    SUCCEEDED: trans.__('succeeded'),
    FAILED: trans.__('failed'),
    CANCELLED: trans.__('cancelled'),
    LOST: trans.__('lost')
  };
  return words[state];
}

/** A state as a shape: it is told by form as well as by colour, and read aloud as its word. */
export function StateMark(props: { state: JobState; trans: TranslationBundle }): React.JSX.Element {
  const word = stateWord(props.state, props.trans);
  return (
    <svg {...LOOK} data-state={props.state} role="img" aria-label={word}>
      <title>{word}</title>
      {SHAPES[props.state]}
    </svg>
  );
}

/** The same shape at rest, beside words that say it already. */
export function StateShape(props: { state: JobState }): React.JSX.Element {
  return (
    <svg {...LOOK} data-state={props.state} aria-hidden="true" data-rests>
      {SHAPES[props.state]}
    </svg>
  );
}

const LOOK = { className: 'jp-cloudml-Mark', viewBox: '0 0 16 16' };
