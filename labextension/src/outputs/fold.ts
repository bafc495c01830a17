import type { OutputEvent } from '../api/types';
import { LineBuffer } from './lines';

/** One output below a cell, as a notebook would show it after all events so far. */
export type Block = StreamBlock | RichBlock;

/** Text of one stream while nothing came between. `version` changes with the text. */
export interface StreamBlock {
  readonly kind: 'stream';
  readonly name: 'stdout' | 'stderr';
  readonly text: LineBuffer;
  version: number;
}

/** A display, a result or an error, as nbformat writes it. */
export interface RichBlock {
  readonly kind: 'rich';
  output: OutputEvent;
  version: number;
}

/**
 * Folds output events one by one, by the rules of `journal/outputs.py` (Jupyter's messaging protocol, and nbclient):
 * chunks of one stream join, `update_display_data` changes every output that shows its display id, `clear_output`
 * clears at once, or with `wait` when the next output comes.
 */
export class OutputFold {
  get blocks(): readonly Block[] {
    return this._blocks;
  }

  /** Grows when everything was cleared: what was drawn from the blocks is void. */
  get generation(): number {
    return this._generation;
  }

  apply(event: OutputEvent): void {
    switch (event.output_type) {
      case 'page':
        return; // goes to a pager, not below the cell
      case 'clear_output':
        this._clearNext = event.wait === true;
        if (!this._clearNext) {
          this._clear();
        }
        return;
      case 'update_display_data':
        this._update(event);
        return;
      default:
        this._add(event);
    }
  }

  /** The outputs as nbformat saves them; of a stream the last `limit` lines only. */
  outputs(limit?: number): OutputEvent[] {
    return this._blocks.map(block =>
      block.kind === 'stream'
        ? { output_type: 'stream', name: block.name, text: block.text.text(limit) }
        : block.output
    );
  }

  private _add(event: OutputEvent): void {
    if (this._clearNext) {
      this._clear();
    }
    if (event.output_type === 'stream') {
      this._addStream(event);
      return;
    }
    this._update(event);
    const output = { ...event };
    delete output.transient;
    const block: RichBlock = { kind: 'rich', output, version: 0 };
    this._blocks.push(block);
    const id = displayId(event);
    if (id) {
      this._shown.set(id, [...(this._shown.get(id) ?? []), block]);
    }
  }

  private _addStream(event: OutputEvent): void {
    const name = event.name === 'stderr' ? 'stderr' : 'stdout';
    let last = this._blocks.at(-1);
    if (last?.kind !== 'stream' || last.name !== name) {
      last = { kind: 'stream', name, text: new LineBuffer(), version: 0 };
      this._blocks.push(last);
    }
    last.text.append(joined(event.text));
    last.version += 1;
  }

  private _update(event: OutputEvent): void {
    for (const block of this._shown.get(displayId(event)) ?? []) {
      const { data = {}, metadata = {} } = event;
      block.output = { ...block.output, data, metadata };
      block.version += 1;
    }
  }

  private _clear(): void {
    this._blocks = [];
    this._shown.clear();
    this._clearNext = false;
    this._generation += 1;
  }

  private _blocks: Block[] = [];
  private _shown = new Map<string, RichBlock[]>();
  private _clearNext = false;
  private _generation = 0;
}

function displayId(event: OutputEvent): string {
  const transient = event.transient as { display_id?: unknown } | undefined;
  return typeof transient?.display_id === 'string' ? transient.display_id : '';
}

/** nbformat allows text as a list of lines. */
export function joined(text: unknown): string {
  return Array.isArray(text) ? text.join('') : typeof text === 'string' ? text : '';
}
