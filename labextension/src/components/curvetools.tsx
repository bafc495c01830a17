import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

/** How curves are drawn, wherever they are. */
export interface CurveLook {
  /** From 0 (as they are) to 0.99. */
  readonly smoothing: number;
  readonly isLog: boolean;
}

export const PLAIN_LOOK: CurveLook = { smoothing: 0, isLog: false };

/** The toolbar above curves: smoothing and scale; what a page has beside that goes before (`lead`) or behind. */
export function CurveTools(props: {
  look: CurveLook;
  onChange: (look: CurveLook) => void;
  trans: TranslationBundle;
  lead?: React.ReactNode;
  children?: React.ReactNode;
}): React.JSX.Element {
  const { look, onChange, trans } = props;
  return (
    <div className="jp-cloudml-CurveTools" role="toolbar" aria-label={trans.__('Curves')}>
      {props.lead}
      <label>
        {trans.__('Smoothing')}
        <input
          type="range"
          min={0}
          max={0.99}
          step={0.01}
          value={look.smoothing}
          aria-valuetext={look.smoothing.toFixed(2)}
          onChange={event => onChange({ ...look, smoothing: Number(event.target.value) })}
        />
        <output className="jp-cloudml-Number">{look.smoothing.toFixed(2)}</output>
      </label>
      <label>
        <input
          type="checkbox"
          checked={look.isLog}
          onChange={event => onChange({ ...look, isLog: event.target.checked })}
        />
        {trans.__('Log scale')}
      </label>
      {props.children}
    </div>
  );
}
