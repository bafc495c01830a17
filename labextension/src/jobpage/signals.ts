import type { ISignal } from '@lumino/signaling';
import * as React from 'react';

/** Draws the component again when the signal is emitted; a number that counts. */
export function useSignal<S, A>(signal: ISignal<S, A>): number {
  const [count, add] = React.useReducer((n: number) => n + 1, 0);
  React.useEffect(() => {
    signal.connect(add);
    return () => {
      signal.disconnect(add);
    };
  }, [signal]);
  return count;
}
