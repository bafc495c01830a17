import type { OutputEvent } from '../api/types';
import { lookAfter, PLAIN, stripped, type Look } from '../outputs/ansi';
import { joined, type Block, type OutputFold } from '../outputs/fold';

/** One row of the output: a line of text, or something that rendermime draws. */
export type Row =
  | { readonly kind: 'line'; readonly text: string; readonly look: Look; readonly name: string }
  | { readonly kind: 'rich'; readonly key: string; readonly output: OutputEvent };

interface Part {
  readonly key: string;
  readonly name: string;
  readonly lines: readonly string[];
  readonly output: OutputEvent | null;
  readonly first: number;
  readonly count: number;
  /** How each line begins to look, as far as it was worked out. */
  readonly looks: Look[];
}

/**
 * All output of a job as rows that can be had one by one, however many they are. Text is not copied: a look at 100,000
 * lines costs what is on the screen.
 */
export class Rows {
  constructor(private readonly _fold: OutputFold) {}

  get length(): number {
    return this._length;
  }

  /** Rows that are not lines, in order: their heights are their own. */
  get rich(): readonly number[] {
    return this._rich;
  }

  /** Take in what the fold has got since. Costs the number of outputs, not of lines; nothing when nothing is new. */
  update(): void {
    const { blocks, generation } = this._fold;
    const stamp = `${generation} ${blocks.length} ${blocks.reduce((sum, { version }) => sum + version, 0)}`;
    if (stamp === this._stamp) {
      return;
    }
    this._stamp = stamp;
    this._found = null;
    const known = this._generation === this._fold.generation ? this._parts : [];
    this._generation = this._fold.generation;
    this._rich = [];
    let first = 0;
    this._parts = this._fold.blocks.map((block, i) => {
      const part = partOf(block, `${this._generation}.${i}`, first, known[i]);
      if (part.output) {
        this._rich.push(first);
      }
      first += part.count;
      return part;
    });
    this._length = first;
  }

  row(index: number): Row {
    const part = this._partAt(index);
    if (part.output) {
      return { kind: 'rich', key: part.key, output: part.output };
    }
    const at = index - part.first;
    return { kind: 'line', text: part.lines[at], look: lookAt(part, at), name: part.name };
  }

  /** The rows whose text holds `words`, whatever the case. */
  find(words: string): readonly number[] {
    if (this._found?.words !== words) {
      this._found = { words, rows: this._search(words.toLowerCase()) };
    }
    return this._found.rows;
  }

  /** All text, without escape sequences; of what is no text its plain form. */
  text(): string {
    const parts = this._parts.map(part =>
      part.output
        ? joined((part.output.data as Record<string, unknown> | undefined)?.['text/plain'])
        : part.lines.slice(0, part.count).map(stripped).join('\n')
    );
    return parts.join('\n');
  }

  private _search(wanted: string): number[] {
    const found: number[] = [];
    if (!wanted) {
      return found;
    }
    for (const part of this._parts) {
      for (let i = 0; i < part.count && !part.output; i++) {
        if (stripped(part.lines[i]).toLowerCase().includes(wanted)) {
          found.push(part.first + i);
        }
      }
    }
    return found;
  }

  private _partAt(index: number): Part {
    let [low, high] = [0, this._parts.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this._parts[middle].first <= index) {
        low = middle;
      } else {
        high = middle - 1;
      }
    }
    return this._parts[low];
  }

  private _parts: Part[] = [];
  private _rich: number[] = [];
  private _length = 0;
  private _stamp = '';
  private _found: { words: string; rows: readonly number[] } | null = null;
  private _generation = 0;
}

function partOf(block: Block, key: string, first: number, known: Part | undefined): Part {
  if (block.kind === 'stream') {
    const { lines, length } = block.text;
    return {
      key,
      name: block.name,
      lines,
      output: null,
      first,
      count: length,
      looks: known?.looks ?? []
    };
  }
  const { output } = block;
  if (output.output_type === 'error') {
    const traceback = Array.isArray(output.traceback) ? (output.traceback as string[]) : [];
    const text = traceback.length
      ? traceback.join('\n')
      : `${String(output.ename)}: ${String(output.evalue)}`;
    const lines = text.split('\n');
    return { key, name: 'error', lines, output: null, first, count: lines.length, looks: [] };
  }
  const part = `${key}.${block.version}`;
  return { key: part, name: '', lines: [], output, first, count: 1, looks: [] };
}

/** How a line begins to look: as the one before ended. Worked out once; only the last line of a stream may change. */
function lookAt(part: Part, at: number): Look {
  const { looks, lines } = part;
  for (let i = looks.length; i <= at; i++) {
    looks.push(i === 0 ? PLAIN : lookAfter(lines[i - 1], looks[i - 1]));
  }
  return looks[at];
}
