import type { TranslationBundle } from '@jupyterlab/translation';
import React from 'react';

export interface StatusItemProps {
  running: number;
  queued: number;
  /** US dollars; null where it is not known: then it is not shown. */
  costToday: number | null;
  trans: TranslationBundle;
  onOpen: () => void;
}

/** What runs, what waits, and what today's jobs cost where that is known, in the status bar. */
export function StatusItem({
  running,
  queued,
  costToday,
  trans,
  onOpen
}: StatusItemProps): React.ReactElement {
  const parts = [
    running > 0 ? trans.__('%1 running', running) : '',
    queued > 0 ? trans.__('%1 queued', queued) : '',
    costToday ? trans.__('$%1 today', costToday.toFixed(2)) : ''
  ];
  const text = parts.filter(Boolean).join(' · ');
  return (
    <span role="status" className="jp-cloudml-StatusItem">
      {text && (
        <button
          type="button"
          className="jp-cloudml-StatusButton"
          title={trans.__('CloudML jobs: click for the panel')}
          onClick={onOpen}
        >
          {text}
        </button>
      )}
    </span>
  );
}
