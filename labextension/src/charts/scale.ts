import type { Range } from './series';

/** From values to places and back. A range without width gets some, so that one point lies in the middle. */
export class Scale {
  constructor(
    domain: Range,
    readonly places: Range,
    readonly isLog = false
  ) {
    this.domain = widened(domain, isLog);
    this._low = this._bent(this.domain[0]);
    this._span = this._bent(this.domain[1]) - this._low;
  }

  readonly domain: Range;

  at(value: number): number {
    const share = (this._bent(value) - this._low) / this._span;
    return this.places[0] + share * (this.places[1] - this.places[0]);
  }

  valueAt(place: number): number {
    const share = (place - this.places[0]) / (this.places[1] - this.places[0]);
    const bent = this._low + share * this._span;
    return this.isLog ? 10 ** bent : bent;
  }

  /** Some `count` round values inside the domain. */
  ticks(count: number): number[] {
    return this.isLog ? logTicks(this.domain, count) : ticks(this.domain, count);
  }

  private _bent(value: number): number {
    return this.isLog ? Math.log10(value) : value;
  }

  private readonly _low: number;
  private readonly _span: number;
}

function widened([low, high]: Range, isLog: boolean): Range {
  if (low < high) {
    return [low, high];
  }
  if (isLog) {
    return [low / 2, high * 2];
  }
  const room = Math.abs(low) / 2 || 0.5;
  return [low - room, high + room];
}

function ticks([low, high]: Range, count: number): number[] {
  const step = niceStep((high - low) / Math.max(1, count));
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  const found: number[] = [];
  for (let i = first; i <= last; i++) {
    found.push(Number((i * step).toPrecision(12)));
  }
  return found;
}

/** 1, 2 or 5 times a power of ten, not below `rough`. */
function niceStep(rough: number): number {
  const power = 10 ** Math.floor(Math.log10(rough));
  const share = rough / power;
  return power * (share <= 1 ? 1 : share <= 2 ? 2 : share <= 5 ? 5 : 10);
}

function logTicks([low, high]: Range, count: number): number[] {
  const [first, last] = [Math.ceil(Math.log10(low) - 1e-9), Math.floor(Math.log10(high) + 1e-9)];
  if (last - first < 1) {
    return ticks([low, high], count);
  }
  const stride = Math.max(1, Math.ceil((last - first + 1) / Math.max(2, count)));
  const found: number[] = [];
  for (let power = first; power <= last; power += stride) {
    found.push(10 ** power);
  }
  return found;
}
