import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import { ApiError } from '../api/client';

/** A list that was not answered yet: quiet grey lines, so that nothing jumps when the rows come. */
export function Loading(props: { trans: TranslationBundle }): React.JSX.Element {
  return (
    <div className="jp-cloudml-Loading" role="status" aria-label={props.trans.__('Loading…')}>
      {[70, 50, 60].map(width => (
        <span key={width} style={{ width: `${width}%` }} />
      ))}
    </div>
  );
}

/** Nothing to list, and what to type or do about it. */
export function Nothing(props: {
  title: string;
  hint?: string;
  /** What to type. */
  code?: string;
  action?: { label: string; onClick: () => void };
}): React.JSX.Element {
  return (
    <div className="jp-cloudml-Notice">
      <p className="jp-cloudml-Notice-title">{props.title}</p>
      {props.hint && <p>{props.hint}</p>}
      {props.code && (
        <pre>
          <code>{props.code}</code>
        </pre>
      )}
      {props.action && (
        <button
          type="button"
          className="jp-mod-styled jp-mod-minimal"
          onClick={props.action.onClick}
        >
          {props.action.label}
        </button>
      )}
    </div>
  );
}

/** Why there is no list, with the way out and another try. */
export function Failed(props: {
  error: Error | null;
  trans: TranslationBundle;
  onRetry: () => void;
}): React.JSX.Element {
  const { error, trans } = props;
  return (
    <div className="jp-cloudml-Notice" role="alert">
      <p className="jp-cloudml-Notice-title">
        {error?.message || trans.__('Something went wrong')}
      </p>
      {error instanceof ApiError && error.hint && <p>{error.hint}</p>}
      <button type="button" className="jp-mod-styled jp-mod-minimal" onClick={props.onRetry}>
        {trans.__('Try again')}
      </button>
    </div>
  );
}
