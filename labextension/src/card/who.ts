import type { JobSnapshot } from '../api/types';
import { isWhole, type Marks } from './marks';

/** Where the output of a job is seen: below the card in the cell, or in the card itself. */
export type Shown = 'cell' | 'card' | 'nowhere';

/**
 * The rule that shows every output once.
 *
 * Outputs reach a cell through the future of its execution in this page, and only so. While that lives, the kernel
 * plays the output and the card shows none. When it is gone (the page was loaded anew, the kernel restarted or died, the
 * user detached) nothing more reaches the cell by itself: then either the kernel has marked the cell as whole, and the
 * cell is all there is to show; or the card shows all of the job's output from its journal, and what the cell still
 * holds of it is hidden. A card that is a mere picture of a job (`Job`'s own repr) has no output.
 */
export function whoShows(facts: {
  readonly marks: Marks;
  readonly snapshot: JobSnapshot;
  readonly isPlayed: boolean;
  /** Whether the card lies in a cell whose outputs it may arrange. */
  readonly isInCell: boolean;
  readonly hasServer: boolean;
  readonly isUnknown: boolean;
}): Shown {
  const { marks, snapshot, isPlayed, isInCell, hasServer, isUnknown } = facts;
  if (marks.output === undefined) {
    return 'nowhere';
  }
  if (isPlayed || !isInCell || !hasServer || isUnknown || isWhole(marks, snapshot)) {
    return 'cell';
  }
  return 'card';
}
