import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import type { JobState } from '../api/types';
import { StateMark, stateWord } from '../components/statemark';

/** A state in a shape, a colour and a word. `isLive`: a screen reader says when it changes. */
export function StateBadge(props: {
  state: JobState;
  trans: TranslationBundle;
  isLive?: boolean;
}): React.JSX.Element {
  const { state, trans, isLive } = props;
  return (
    <span className="jp-cloudml-State" data-state={state} role={isLive ? 'status' : undefined}>
      <span aria-hidden="true">
        <StateMark state={state} trans={trans} />
      </span>{' '}
      {stateWord(state, trans)}
    </span>
  );
}
