/** How a stretch of text looks: classes of Lab's own stylesheet, and colours that only the text itself can name. */
export interface Look {
  readonly isBold: boolean;
  readonly isItalic: boolean;
  readonly isUnderlined: boolean;
  readonly isInverse: boolean;
  /** A class part (`red`, `red-intense`), an `rgb(…)`, or nothing. */
  readonly fg: string;
  readonly bg: string;
}

export interface Span {
  readonly text: string;
  readonly look: Look;
}

export const PLAIN: Look = {
  isBold: false,
  isItalic: false,
  isUnderlined: false,
  isInverse: false,
  fg: '',
  bg: ''
};

const NAMES = ['black', 'red', 'green', 'yellow', 'blue', 'magenta', 'cyan', 'white'];
const ESCAPE = /\x1b(?:\[([0-9;:]*)([@-~])|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])/g;

/** The text without its escape sequences: what a search looks at. */
export function stripped(line: string): string {
  return line.includes('\x1b') ? line.replace(ESCAPE, '') : line;
}

/** One line in stretches of one look, beginning with that of the line before; and the look that it ends with. */
export function spans(line: string, start: Look): { spans: Span[]; end: Look } {
  if (!line.includes('\x1b')) {
    return { spans: line ? [{ text: line, look: start }] : [], end: start };
  }
  const found: Span[] = [];
  let look = start;
  let from = 0;
  for (const match of line.matchAll(ESCAPE)) {
    if (match.index > from) {
      found.push({ text: line.slice(from, match.index), look });
    }
    from = match.index + match[0].length;
    if (match[2] === 'm') {
      look = changed(look, match[1]);
    }
  }
  if (from < line.length) {
    found.push({ text: line.slice(from), look });
  }
  return { spans: found, end: look };
}

/** The look after a line, without making its stretches. */
export function lookAfter(line: string, start: Look): Look {
  let look = start;
  if (line.includes('\x1b')) {
    for (const match of line.matchAll(ESCAPE)) {
      look = match[2] === 'm' ? changed(look, match[1]) : look;
    }
  }
  return look;
}

/** `class` and `style` of a look. */
export function drawn(look: Look): {
  className: string;
  style?: { color?: string; backgroundColor?: string };
} {
  const [fg, bg] = look.isInverse
    ? [look.bg || 'default-inverse', look.fg || 'default-inverse']
    : [look.fg, look.bg];
  const classes = [
    look.isBold && 'ansi-bold',
    look.isItalic && 'jp-cloudml-italic',
    look.isUnderlined && 'ansi-underline',
    fg && !isRgb(fg) && `ansi-${fg}-fg`,
    bg && !isRgb(bg) && `ansi-${bg}-bg`
  ];
  const style = {
    ...(isRgb(fg) && { color: fg }),
    ...(isRgb(bg) && { backgroundColor: bg })
  };
  return {
    className: classes.filter(Boolean).join(' '),
    ...(Object.keys(style).length && { style })
  };
}

function isRgb(colour: string): boolean {
  return colour.startsWith('rgb');
}

function changed(look: Look, parameters: string): Look {
  const codes = parameters.split(/[;:]/).map(Number);
  let next = look;
  for (let i = 0; i < codes.length; i++) {
    const code = codes[i];
    if (code === 38 || code === 48) {
      const [colour, used] = extended(codes, i + 1);
      next = { ...next, [code === 38 ? 'fg' : 'bg']: colour };
      i += used;
    } else {
      next = simple(next, code);
    }
  }
  return next;
}

function simple(look: Look, code: number): Look {
  switch (code) {
    case 0:
      return PLAIN;
    case 1:
      return { ...look, isBold: true };
    case 3:
      return { ...look, isItalic: true };
    case 4:
      return { ...look, isUnderlined: true };
    case 7:
      return { ...look, isInverse: true };
    case 21:
    case 22:
      return { ...look, isBold: false };
    case 23:
      return { ...look, isItalic: false };
    case 24:
      return { ...look, isUnderlined: false };
    case 27:
      return { ...look, isInverse: false };
    case 39:
      return { ...look, fg: '' };
    case 49:
      return { ...look, bg: '' };
  }
  const tens = Math.floor(code / 10);
  const name = NAMES[code % 10];
  if (name === undefined) {
    return look;
  }
  switch (tens) {
    case 3:
      return { ...look, fg: name };
    case 4:
      return { ...look, bg: name };
    case 9:
      return { ...look, fg: `${name}-intense` };
    case 10:
      return { ...look, bg: `${name}-intense` };
    default:
      return look;
  }
}

/** The colour of `38;5;n` and `38;2;r;g;b` (ECMA-48, xterm's table), and how many codes it took. */
function extended(codes: readonly number[], at: number): [string, number] {
  if (codes[at] === 2) {
    const [r, g, b] = codes.slice(at + 1, at + 4).map(c => Math.max(0, Math.min(255, c || 0)));
    return [`rgb(${r ?? 0}, ${g ?? 0}, ${b ?? 0})`, 4];
  }
  if (codes[at] !== 5) {
    return ['', 1];
  }
  const n = codes[at + 1] || 0;
  if (n < 8) {
    return [NAMES[n], 2];
  }
  if (n < 16) {
    return [`${NAMES[n - 8]}-intense`, 2];
  }
  if (n >= 232) {
    const grey = (n - 232) * 10 + 8;
    return [`rgb(${grey}, ${grey}, ${grey})`, 2];
  }
  const level = (part: number): number => (part % 6 ? (part % 6) * 40 + 55 : 0);
  const cube = n - 16;
  return [
    `rgb(${level(Math.floor(cube / 36))}, ${level(Math.floor(cube / 6))}, ${level(cube)})`,
    2
  ];
}
