import type { TranslationBundle } from '@jupyterlab/translation';
import React from 'react';

export interface StatusItemProps {
  running: number;
  queued: number;
  trans: TranslationBundle;
  onOpen: () => void;
}

/** What runs and what waits, in the status bar. */
export function StatusItem({
  running,
  queued,
  trans,
  onOpen
}: StatusItemProps): React.ReactElement {
  const parts = [
    running > 0 ? trans.__('%1 running', running) : '',
    queued > 0 ? trans.__('%1 queued', queued) : ''
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
