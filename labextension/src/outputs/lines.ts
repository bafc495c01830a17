/**
 * Text as a terminal leaves it: `\r` goes back to the start of the line and what follows writes over it, `\b` takes one
 * character back, `\n` ends the line wherever the cursor stood. Only the last line ever changes.
 */
export class LineBuffer {
  /** The last one is open: empty after a line feed. */
  get lines(): readonly string[] {
    return this._lines;
  }

  /** How many lines a reader sees. */
  get length(): number {
    return this._lines.length - (this._lines[this._lines.length - 1] === '' ? 1 : 0);
  }

  append(chunk: string): void {
    const pieces = chunk.split('\n');
    pieces.forEach((piece, i) => {
      if (i > 0) {
        this._lines.push('');
        this._column = 0;
      }
      if (piece) {
        this._write(piece);
      }
    });
  }

  /** The text; of the last `limit` lines only where there are more. */
  text(limit = Infinity): string {
    const from = Math.max(0, this.length - limit);
    return (from ? this._lines.slice(from) : this._lines).join('\n');
  }

  private _write(piece: string): void {
    for (const token of piece.split(/([\r\b])/)) {
      if (token === '\r') {
        this._column = 0;
      } else if (token === '\b') {
        this._erase();
      } else if (token) {
        this._overwrite(token);
      }
    }
  }

  private _overwrite(text: string): void {
    const last = this._lines.length - 1;
    const line = this._lines[last];
    const end = this._column + text.length;
    this._lines[last] = line.slice(0, this._column) + text + line.slice(end);
    this._column = end;
  }

  private _erase(): void {
    if (this._column > 0) {
      const last = this._lines.length - 1;
      const line = this._lines[last];
      this._lines[last] = line.slice(0, this._column - 1) + line.slice(this._column);
      this._column -= 1;
    }
  }

  private readonly _lines: string[] = [''];
  private _column = 0;
}
