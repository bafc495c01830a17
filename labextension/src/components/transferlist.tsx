import type { TranslationBundle } from '@jupyterlab/translation';
import { closeIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

import { ApiError } from '../api/client';
import { size } from '../charts/format';
import type { Transfer } from '../model/transfers';

/** What goes up and down, how far it is, and how fast. */
export function TransferList(props: {
  transfers: readonly Transfer[];
  trans: TranslationBundle;
  onCancel: (id: number) => void;
  onForget: (id: number) => void;
}): React.JSX.Element | null {
  const { transfers, trans } = props;
  if (transfers.length === 0) {
    return null;
  }
  return (
    <ul className="jp-cloudml-Transfers" aria-label={trans.__('Transfers')}>
      {transfers.map(transfer => {
        const isRunning = transfer.state === 'running';
        const label = isRunning ? trans.__('Cancel') : trans.__('Dismiss');
        return (
          <li key={transfer.id} data-state={transfer.state}>
            <span className="jp-cloudml-Transfers-name">{nameOf(transfer, trans)}</span>
            <button
              type="button"
              className="jp-cloudml-IconButton"
              aria-label={trans.__('%1 %2', label, transfer.name)}
              title={label}
              onClick={() => (isRunning ? props.onCancel : props.onForget)(transfer.id)}
            >
              <closeIcon.react tag="span" width="14px" height="14px" />
            </button>
            {isRunning && (
              <progress
                aria-label={transfer.name}
                max={transfer.total || undefined}
                value={transfer.total ? transfer.done : undefined}
              />
            )}
            <span role={transfer.state === 'failed' ? 'alert' : 'status'}>
              {words(transfer, trans)}
            </span>
          </li>
        );
      })}
    </ul>
  );
}

function nameOf({ direction, name }: Transfer, trans: TranslationBundle): string {
  return direction === 'up' ? trans.__('Upload %1', name) : trans.__('Download %1', name);
}

function words(transfer: Transfer, trans: TranslationBundle): string {
  const { state, done, total, rate, direction, error } = transfer;
  if (state === 'failed') {
    const hint = error instanceof ApiError && error.hint ? ` (${error.hint})` : '';
    return `${error?.message ?? ''}${hint}`;
  }
  if (state === 'done') {
    return trans.__('done');
  }
  if (direction === 'up' && total > 0 && done >= total) {
    return trans.__('being stored');
  }
  if (total === 0) {
    return trans.__('begins');
  }
  return trans.__('%1 of %2, %3/s', size(done), size(total), size(rate));
}
