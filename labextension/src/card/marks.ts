import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';

import type { JobSnapshot } from '../api/types';

export const MIME = 'application/vnd.cloudml.job+json';

/**
 * What the metadata of a card says (`magics/live.py` writes it): the output of the job follows the card in its cell.
 *
 * `live`: the kernel was playing it when it last wrote; unless it still does, some of it may be missing.
 * `whole`: all output up to the end of this attempt is there. Absent: this card is a mere picture of a job.
 */
export interface Marks {
  readonly output?: 'live' | 'whole';
  readonly attempt?: number;
  /** The kernel that has bound the results: its session. */
  readonly bound?: string;
}

export function marksOf(metadata: ReadonlyPartialJSONObject): Marks {
  const found = metadata[MIME];
  return typeof found === 'object' && found !== null ? (found as Marks) : {};
}

/** Whether the cell holds all output that there is. */
export function isWhole(marks: Marks, snapshot: JobSnapshot): boolean {
  return marks.output === 'whole' && snapshot.attempt <= (marks.attempt ?? 1);
}
