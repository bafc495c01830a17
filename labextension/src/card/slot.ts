import { CodeCell } from '@jupyterlab/cells';
import type { IOutput } from '@jupyterlab/nbformat';
import { NotebookPanel } from '@jupyterlab/notebook';
import { OutputArea, type IOutputAreaModel } from '@jupyterlab/outputarea';
import type { Kernel } from '@jupyterlab/services';
import type { Widget } from '@lumino/widgets';

import { MIME } from './marks';

/** The place of a card in a notebook: what lies around it, and what may be done with that. */
export class Slot {
  constructor(private readonly _card: Widget) {}

  get area(): OutputArea | null {
    return above(this._card, widget => widget instanceof OutputArea);
  }

  get cell(): CodeCell | null {
    return above(this._card, widget => widget instanceof CodeCell);
  }

  get panel(): NotebookPanel | null {
    return above(this._card, widget => widget instanceof NotebookPanel);
  }

  get kernel(): Kernel.IKernelConnection | null {
    return this.panel?.sessionContext.session?.kernel ?? null;
  }

  /** Whether the outputs around the card are a notebook's cell's own: no clone of them, no console. */
  get isInCell(): boolean {
    const { area, cell, panel } = this;
    return area !== null && cell !== null && panel !== null && cell.outputArea === area;
  }

  get isReadOnly(): boolean {
    return this.panel?.content.model?.readOnly ?? true;
  }

  /** Resolves when the execution that fills the cell is over, however; null when none does. */
  get execution(): Promise<unknown> | null {
    const future = this.area?.future;
    return future && !future.isDisposed && !over.has(future) ? endOf(future) : null;
  }

  /** Where the card is among the outputs; -1 when it is not. */
  get index(): number {
    return this.area?.widgets.findIndex(widget => widget.contains(this._card)) ?? -1;
  }

  /** Hide, or show again, what the cell holds of the job's output: all that follows the card, up to the next card. */
  hideOutputs(isHidden: boolean): void {
    const { area, index } = this;
    if (area === null || index < 0) {
      return;
    }
    const end = this._end(area.model, index);
    area.widgets.slice(index + 1, end).forEach((widget, i) => {
      widget.setHidden(isHidden && !isNotice(area.model.get(index + 1 + i).toJSON()));
    });
  }

  /** Write the card, and (unless null) the job's whole output in place of what the cell holds of it. */
  store(card: IOutput, outputs: readonly IOutput[] | null): void {
    const { area, index } = this;
    if (area === null || index < 0) {
      return;
    }
    const held = area.model.toJSON();
    const { output_type, execution_count } = held[index];
    const isResult = output_type === 'execute_result'; // of a cell that was told to go on without its job
    const kept = isResult ? { ...card, output_type, execution_count } : card;
    if (outputs === null) {
      area.model.set(index, kept);
      return;
    }
    const end = this._end(area.model, index);
    const notices = held.slice(index + 1, end).filter(isNotice);
    area.model.fromJSON([
      ...held.slice(0, index),
      kept,
      ...outputs,
      ...notices,
      ...held.slice(end)
    ]);
  }

  /** What the cell holds of the job's output now. */
  held(): IOutput[] {
    const { area, index } = this;
    return area === null || index < 0
      ? []
      : area.model.toJSON().slice(index + 1, this._end(area.model, index));
  }

  private _end(model: IOutputAreaModel, index: number): number {
    for (let i = index + 1; i < model.length; i++) {
      if (MIME in model.get(i).data) {
        return i;
      }
    }
    return model.length;
  }
}

/** Whether an output is a word of CloudML itself to the user of the cell ("detached: job … goes on"), not the job's. */
export function isNotice(output: IOutput): boolean {
  if (output.output_type === 'stream' && output.name === 'stderr') {
    const text = Array.isArray(output.text) ? output.text.join('') : String(output.text);
    const lines = text.split('\n').filter(Boolean);
    return lines.length > 0 && lines.every(line => line.startsWith('cloudml: '));
  }
  return (
    output.output_type === 'error' &&
    output.ename === 'KeyboardInterrupt' &&
    /Detached from job/.test(String(output.traceback))
  );
}

const over = new WeakSet<object>();
const ends = new WeakMap<object, Promise<unknown>>();

/** Resolves when the execution is over; by then it is one of `over`: Lab keeps its future undisposed for later messages. */
function endOf(future: { readonly done: Promise<unknown> }): Promise<unknown> {
  let end = ends.get(future);
  if (end === undefined) {
    const note = (): void => void over.add(future);
    end = future.done.then(note, note);
    ends.set(future, end);
  }
  return end;
}

function above<T extends Widget>(widget: Widget, is: (widget: Widget) => widget is T): T | null {
  for (let next = widget.parent; next !== null; next = next.parent) {
    if (is(next)) {
      return next;
    }
  }
  return null;
}
