import type { TranslationBundle } from '@jupyterlab/translation';

import type { Capacity, Target } from '../api/types';

/** The word for a cell's own kernel where a target is asked for; no target may be called so, it is no `kind[:name]`. */
export const HERE = '(here)';

/** One line of the menu of targets. */
export interface Choice {
  /** What `--on` takes, or `HERE`. */
  target: string;
  label: string;
  health: Target['health'];
  /** The longer story, for the caption. */
  caption: string;
}

/** What a user writes after `--on` for this target. */
export function targetText(target: Pick<Target, 'kind' | 'name'>): string {
  const { kind, name } = target;
  if (name === kind || name.startsWith(`${kind}:`)) {
    return name;
  }
  return name === '' || name === 'default' ? kind : `${kind}:${name}`;
}

/** The kernel itself, then every target with what is free there. Health is said in words, never by colour alone. */
export function choices(targets: readonly Target[], trans: TranslationBundle): Choice[] {
  const here: Choice = {
    target: HERE,
    label: trans.__('Here (this kernel)'),
    health: 'ok',
    caption: trans.__('Run this cell in its own kernel')
  };
  return [here, ...targets.map(target => choice(target, trans))];
}

function choice(target: Target, trans: TranslationBundle): Choice {
  const text = targetText(target);
  const detail = state(target, trans);
  return {
    target: text,
    label: detail ? `${text} — ${detail}` : text,
    health: target.health,
    caption: target.message || trans.__('Run this cell on %1', text)
  };
}

function state(target: Target, trans: TranslationBundle): string {
  if (target.health === 'down') {
    return trans.__('unavailable');
  }
  const parts = [
    target.health === 'degraded' ? trans.__('degraded') : '',
    target.gpus.total > 0 ? trans.__('%1 GPUs free', share(target.gpus)) : '',
    target.gpus.total <= 0 && target.cpus.total > 0
      ? trans.__('%1 CPUs free', share(target.cpus))
      : '',
    target.queued > 0 ? trans._n('%1 job waits', '%1 jobs wait', target.queued) : ''
  ];
  return parts.filter(Boolean).join(' · ');
}

function share({ free, total }: Capacity): string {
  return `${free}/${total}`;
}
