import type { ICodeCellModel } from '@jupyterlab/cells';

import { HERE } from './choices';
import { findLine, keepHere, sendTo, type TextEdit } from './magicline';

type CellModel = Pick<ICodeCellModel, 'id' | 'sharedModel'>;

/** Lines that were removed in this session, by cell: a user who switches to and fro keeps the name and the flags. */
const removed = new Map<string, string>();

/** Where the cell runs: a target, `HERE`, or the empty word where its line leaves that to the notebook's defaults. */
export function targetOf(cell: CellModel): string {
  const line = findLine(cell.sharedModel.getSource());
  return line === null ? HERE : line.target;
}

/** Makes the cell run on `target` from now on. One step of undo; the cursor stays in its line. */
export function setTarget(cell: CellModel, target: string): void {
  const source = cell.sharedModel.getSource();
  if (target === HERE) {
    const line = findLine(source);
    const edit = keepHere(source);
    if (line !== null && edit !== null) {
      removed.set(cell.id, line.text);
      apply(cell, edit);
    }
    return;
  }
  if (targetOf(cell) !== target) {
    apply(cell, sendTo(source, target, removed.get(cell.id)));
  }
}

function apply(cell: CellModel, edit: TextEdit): void {
  // what was typed just before stays a step of its own; the interface of the model does not show its undo manager
  const { undoManager } = cell.sharedModel as { undoManager?: { stopCapturing(): void } | null };
  undoManager?.stopCapturing();
  cell.sharedModel.updateSource(edit.start, edit.end, edit.text);
}
