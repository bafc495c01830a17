/**
 * The `%%cloudtrain` line of a cell: where it is, which target it names, and the smallest edit that changes that.
 *
 * Pure text in, an edit out; the rules are IPython's (a cell magic is the first line that is not blank, after cell
 * magics whose body is Python) and those of `client/flags.py` (which flags take how many words).
 */

export const MAGIC = '%%cloudtrain';

/** Replace `source.slice(start, end)` by `text`. */
export interface TextEdit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

export interface MagicLine {
  /** Where the line starts and ends in the source; `end` is before its newline. */
  readonly start: number;
  readonly end: number;
  readonly text: string;
  /** The target of `--on`; empty where the line names none (the defaults of the notebook decide). */
  readonly target: string;
}

interface Word {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** Cell magics whose body is Python, so that a cell magic on its first line counts. */
const WRAPPING = new Set(['time', 'timeit', 'capture', 'prun']);

const WORDS_TAKEN: Readonly<Record<string, number>> = {
  '--no-return': 0,
  '--detach': 0,
  '--dry-run': 0,
  '--autolog': 0,
  '-p': 2,
  '--param': 2
};

/** The line that sends this cell away, if it has one. */
export function findLine(source: string): MagicLine | null {
  let start = 0;
  while (start < source.length) {
    const newline = source.indexOf('\n', start);
    const end = newline < 0 ? source.length : newline;
    const text = source.slice(start, end);
    const magic = /^\s*%%(\w+)/.exec(text)?.[1];
    if (magic === MAGIC.slice(2)) {
      return { start, end, text, target: targetWord(text)?.text ?? '' };
    }
    if (text.trim() !== '' && !(magic !== undefined && WRAPPING.has(magic))) {
      return null;
    }
    start = end + 1;
  }
  return null;
}

/**
 * The edit after which the cell runs on `target`, an empty one where it does already. Name, other flags, other magics,
 * comments and blank lines stay.
 *
 * @param earlier - A line that this cell had before: its name and flags come back with it.
 */
export function sendTo(source: string, target: string, earlier = MAGIC): TextEdit {
  const found = findLine(source);
  if (found === null) {
    const at = source.search(/\S/);
    const start = at < 0 ? source.length : source.lastIndexOf('\n', at) + 1;
    return { start, end: start, text: `${withTarget(earlier, target)}\n` };
  }
  return { start: found.start, end: found.end, text: withTarget(found.text, target) };
}

/** The edit after which the cell runs in its own kernel; null where it does already. */
export function keepHere(source: string): TextEdit | null {
  const found = findLine(source);
  if (found === null) {
    return null;
  }
  const end = Math.min(found.end + 1, source.length);
  return { start: found.start, end, text: '' };
}

/** The source after an edit. */
export function edited(source: string, edit: TextEdit): string {
  return source.slice(0, edit.start) + edit.text + source.slice(edit.end);
}

/** Whether running this source needs our magics in the kernel. */
export function usesMagics(source: string): boolean {
  return /^[^\S\n]*%{1,2}cloud\w+/m.test(source) || /=[^\S\n]*%cloud\w+/.test(source);
}

function withTarget(line: string, target: string): string {
  const word = targetWord(line);
  const written = quoted(target);
  if (word !== null) {
    return line.slice(0, word.start) + written + line.slice(word.end);
  }
  const at = afterName(line);
  return `${line.slice(0, at)} --on ${written}${line.slice(at)}`;
}

/** The value of the `--on` that counts, which is the last one. */
function targetWord(line: string): Word | null {
  const words = wordsOf(line).slice(1);
  let found: Word | null = null;
  for (let i = 0; i < words.length; i++) {
    const word = words[i];
    if (!isFlag(word.text)) {
      continue;
    }
    if (word.text.startsWith('--on=')) {
      found = { start: word.start + '--on='.length, end: word.end, text: word.text.slice(5) };
    } else if (word.text === '--on') {
      const value: Word | undefined = words[i + 1];
      found = value && !isFlag(value.text) ? value : found;
      i += value === found ? 1 : 0;
    } else if (!word.text.includes('=')) {
      i += WORDS_TAKEN[word.text] === 2 ? 2 : 0;
    }
  }
  return found;
}

/** Where a flag goes: after the magic, and after the name of the job where that comes next. */
function afterName(line: string): number {
  const [magic, next] = wordsOf(line);
  return next !== undefined && !isFlag(next.text) ? next.end : magic.end;
}

function isFlag(text: string): boolean {
  return /^-[^\d.]/.test(text);
}

/** The words of a line as a shell splits it, with their places. An open quote reaches to the end. */
function wordsOf(line: string): Word[] {
  const pattern = /(?:\\.|"(?:\\.|[^"\\])*"?|'[^']*'?|[^\s"'\\]|\\$)+/g;
  return Array.from(line.matchAll(pattern), match => ({
    start: match.index,
    end: match.index + match[0].length,
    text: unquoted(match[0])
  }));
}

function unquoted(text: string): string {
  return text.replace(
    /\\(.)|"((?:\\.|[^"\\])*)"?|'([^']*)'?/g,
    (_, escaped?: string, double?: string, single?: string) =>
      escaped ?? double?.replace(/\\(["\\$`])/g, '$1') ?? single ?? ''
  );
}

function quoted(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replace(/'/g, `'"'"'`)}'`;
}
