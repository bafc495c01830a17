import { RenderedText, renderText } from '@jupyterlab/rendermime';
import type { IRenderMime } from '@jupyterlab/rendermime-interfaces';
import type { Message } from '@lumino/messaging';

/** Shorter text is left to Lab's own renderer. */
export const LONG = 65_536;

/** Characters that are drawn, and laid out by the browser, as one. */
export const BLOCK = 8_192;

/** How long a slice of drawing holds the page. */
const SLICE_MS = 10;

const RESET = /\x1b\[0*m/g;
const LOOK = /\x1b\[[0-9;:]*m/g;

/**
 * Stdout of a cell that ran as a job. Lab draws all of a stream anew whenever some is added, and the browser lays all of
 * it out again: a second for 100,000 lines, for every message. Here a long text is drawn in blocks of whole lines, each
 * of them once and by Lab's own `renderText`, in slices between which the page answers; only its end is drawn again.
 * Blocks that are out of sight are not laid out. Text that is not long, and every other cell's, is left to Lab.
 */
export class LongText extends RenderedText {
  override async renderModel(model: IRenderMime.IMimeModel): Promise<void> {
    const text = String(model.data[this.mimeType]);
    if (text.length < LONG) {
      return this._leaveToLab(model);
    }
    if (!this.isAttached) {
      this._waiting = model; // where it will be decides who draws it
      return;
    }
    if (!this._isOfAJob()) {
      return this._leaveToLab(model);
    }
    if (this._open === null || !text.startsWith(this._done)) {
      this._clear();
    }
    this._text = text;
    this._draw();
  }

  override dispose(): void {
    clearTimeout(this._timer);
    super.dispose();
  }

  protected override onAfterAttach(message: Message): void {
    super.onAfterAttach(message);
    const model = this._waiting;
    this._waiting = null;
    if (model) {
      void this.renderModel(model);
    }
  }

  private _leaveToLab(model: IRenderMime.IMimeModel): Promise<void> {
    clearTimeout(this._timer);
    this._open = this._waiting = null;
    return super.renderModel(model);
  }

  private _isOfAJob(): boolean {
    const area = this.node.closest('.jp-OutputArea');
    return area !== null && area.querySelector('.jp-cloudml-JobCard') !== null;
  }

  private _clear(): void {
    this._done = this._look = '';
    this._open = document.createElement('div');
    this.node.replaceChildren(this._open);
  }

  /** As many blocks as a slice holds; the rest in the next one. What is after the last block comes with the last slice. */
  private _draw(): void {
    clearTimeout(this._timer);
    const until = performance.now() + SLICE_MS;
    while (this._drawBlock()) {
      if (performance.now() >= until) {
        this._timer = setTimeout(() => this._draw());
        return;
      }
    }
    this._open?.replaceChildren();
    this._drawInto(this._open, this._text.slice(this._done.length));
  }

  /** The next block that cannot change any more; whether there was one. */
  private _drawBlock(): boolean {
    const from = this._done.length;
    if (this._text.length < from + 2 * BLOCK) {
      return false;
    }
    const end = this._text.indexOf('\n', from + BLOCK) + 1;
    if (end === 0) {
      return false;
    }
    const piece = this._text.slice(from, end);
    const host = document.createElement('div');
    host.className = 'jp-cloudml-LongText-block';
    host.style.setProperty('--jp-cloudml-lines', String(piece.split('\n').length - 1));
    this._drawInto(host, piece);
    this._open?.before(host);
    this._done = this._text.slice(0, end);
    this._look = lookAfter(this._look + piece);
    return true;
  }

  private _drawInto(host: HTMLElement | null, piece: string): void {
    if (host !== null) {
      const { sanitizer, translator } = this;
      void renderText({ host, sanitizer, source: this._look + piece, translator });
    }
  }

  private _waiting: IRenderMime.IMimeModel | null = null;
  private _timer: ReturnType<typeof setTimeout> | undefined;
  private _text = '';
  /** What the finished blocks hold, up to a line feed; and the escape sequences that still hold there. */
  private _done = '';
  private _look = '';
  /** Holds the end of the text; null while Lab draws it. */
  private _open: HTMLElement | null = null;
}

/** The escape sequences that make the colours which are on at the end of `text`. */
function lookAfter(text: string): string {
  if (!text.includes('\x1b')) {
    return '';
  }
  const last = [...text.matchAll(RESET)].at(-1);
  const since = last ? text.slice(last.index + last[0].length) : text;
  return (since.match(LOOK) ?? []).join('');
}
