import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import type { Capacity, Target } from '../api/types';
import { number } from '../charts/format';

const MIB_PER_GIB = 1024;

/** The targets: how they are, what is free, and who waits. */
export function TargetList(props: {
  targets: readonly Target[];
  trans: TranslationBundle;
}): React.JSX.Element {
  const { trans } = props;
  return (
    <ul className="jp-cloudml-Targets" aria-label={trans.__('Targets')}>
      {props.targets.map(target => (
        <TargetItem key={target.name} target={target} trans={trans} />
      ))}
    </ul>
  );
}

function TargetItem(props: { target: Target; trans: TranslationBundle }): React.JSX.Element {
  const { target, trans } = props;
  const health = {
    ok: trans.__('healthy'),
    degraded: trans.__('degraded'),
    down: trans.__('cannot be reached')
  }[target.health];
  return (
    <li className="jp-cloudml-Target" data-health={target.health}>
      <div className="jp-cloudml-Target-head">
        <span className="jp-cloudml-Target-dot" role="img" aria-label={health} title={health} />
        <span className="jp-cloudml-Target-name">{target.name}</span>
        {target.kind !== target.name && (
          <span className="jp-cloudml-Target-kind">{target.kind}</span>
        )}
        <span className="jp-cloudml-Target-queue">{load(target, trans)}</span>
      </div>
      {target.message && <p className="jp-cloudml-Target-said">{target.message}</p>}
      {target.health !== 'down' && (
        <div className="jp-cloudml-Target-meters">
          <Gauge label={trans.__('GPUs')} of={target.gpus} trans={trans} />
          <Gauge label={trans.__('CPUs')} of={target.cpus} trans={trans} />
          <Gauge label={trans.__('Memory')} of={target.memory} unit="GiB" trans={trans} />
        </div>
      )}
    </li>
  );
}

/** What is busy, as a bar; what is free, in words. Nothing where the target has none or does not tell. */
function Gauge(props: {
  label: string;
  of: Capacity | null | undefined;
  /** The memory is told in MiB and shown in GiB. */
  unit?: 'GiB';
  trans: TranslationBundle;
}): React.JSX.Element | null {
  const { label, of, trans, unit } = props;
  if (!of?.total) {
    return null;
  }
  const free = Math.max(0, Math.min(of.total, of.free));
  const text = (n: number): string => number(Math.round((unit ? n / MIB_PER_GIB : n) * 10) / 10);
  const words = unit
    ? trans.__('%1 of %2 %3 free', text(free), text(of.total), unit)
    : trans.__('%1 of %2 free', text(free), text(of.total));
  return (
    <>
      <span className="jp-cloudml-Gauge-label">{label}</span>
      <span
        className="jp-cloudml-Gauge"
        role="meter"
        aria-label={label}
        aria-valuemin={0}
        aria-valuemax={of.total}
        aria-valuenow={of.total - free}
        aria-valuetext={words}
      >
        <span style={{ transform: `scaleX(${(of.total - free) / of.total})` }} />
      </span>
      <span className="jp-cloudml-Gauge-words">{words}</span>
    </>
  );
}

/** Who is there; a target at rest says so in one word. */
function load({ running, queued }: Target, trans: TranslationBundle): string {
  const said = [];
  if (running > 0) {
    said.push(trans.__('%1 running', running));
  }
  if (queued > 0) {
    said.push(trans.__('%1 queued', queued));
  }
  return said.join(', ') || trans.__('idle');
}
