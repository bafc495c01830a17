import type { IOutput } from '@jupyterlab/nbformat';
import type { IOutputAreaModel } from '@jupyterlab/outputarea';

import type { Block, OutputFold } from '../outputs/fold';

/** Lines of one stream that a cell shows; the job's page has them all. */
export const TAIL_LINES = 1000;

/** Outputs that a cell shows, and how many go at once when there are more. */
const TAIL_BLOCKS = 100;
const STRIDE = 50;

type Drawing = Pick<IOutputAreaModel, 'add' | 'set' | 'clear'>;

/** Keeps an output area equal to the end of a job's output; only what changed is drawn again. */
export class DrawnOutputs {
  /** Whether there is more than what is shown. */
  get isCut(): boolean {
    return this._isCut;
  }

  draw(area: Drawing, fold: OutputFold): void {
    const { blocks, generation } = fold;
    const over = Math.max(0, blocks.length - TAIL_BLOCKS);
    const from = Math.ceil(over / STRIDE) * STRIDE;
    if (generation !== this._generation || from !== this._from) {
      area.clear();
      this._versions = [];
      this._generation = generation;
      this._from = from;
    }
    const shown = blocks.slice(from);
    shown.forEach((block, i) => {
      if (i >= this._versions.length) {
        area.add(asOutput(block));
      } else if (this._versions[i] !== block.version) {
        area.set(i, asOutput(block));
      }
      this._versions[i] = block.version;
    });
    this._isCut =
      from > 0 || shown.some(block => block.kind === 'stream' && block.text.length > TAIL_LINES);
  }

  /** The area is gone. */
  forget(): void {
    this._versions = [];
    this._generation = -1;
    this._isCut = false;
  }

  private _versions: number[] = [];
  private _generation = -1;
  private _from = 0;
  private _isCut = false;
}

function asOutput(block: Block): IOutput {
  const output =
    block.kind === 'stream'
      ? { output_type: 'stream', name: block.name, text: block.text.text(TAIL_LINES) }
      : block.output;
  return output as unknown as IOutput;
}
