import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

/** What to know of runs that are a tracking server's: that more are to come, or that it has not answered since a while. */
export function RunsNote(props: {
  isSyncing: boolean;
  awaySince: number | null;
  trans: TranslationBundle;
}): React.JSX.Element | null {
  const { isSyncing, awaySince, trans } = props;
  if (awaySince !== null) {
    const when = new Date(1000 * awaySince).toLocaleString();
    return (
      <p role="status" className="jp-cloudml-Runs-note jp-mod-away">
        {trans.__(
          'The tracking server has not answered since %1. These are its runs of then.',
          when
        )}
      </p>
    );
  }
  return isSyncing ? (
    <p role="status" className="jp-cloudml-Runs-note">
      {trans.__('The runs of the tracking server are being fetched; more will follow.')}
    </p>
  ) : null;
}
