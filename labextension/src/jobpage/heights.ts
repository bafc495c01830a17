/**
 * Where rows lie in a tall list in which lines are all of one height and a few rows (`tall`, in order) have their own.
 * Every question costs a search among the tall ones.
 */
export class Heights {
  constructor(
    readonly lineHeight: number,
    private readonly _guess = 120
  ) {}

  /** Which rows are tall; what was measured of others is kept for when they come back. */
  set tall(rows: readonly number[]) {
    this._tall = rows;
    this._sum();
  }

  /** What row `index` measures; whether that is news. */
  measure(index: number, height: number): boolean {
    if (height <= 0 || this._measured.get(index) === height) {
      return false;
    }
    this._measured.set(index, height);
    this._sum();
    return true;
  }

  /** Everything was measured in another layout. */
  forget(): void {
    this._measured.clear();
    this._sum();
  }

  top(index: number): number {
    const before = this._before(index);
    return (index - before) * this.lineHeight + this._sums[before];
  }

  /** The row that lies at `y`. */
  at(y: number): number {
    let [low, high] = [0, this._tall.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.top(this._tall[middle]) <= y) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    if (low === 0) {
      return Math.floor(y / this.lineHeight);
    }
    const row = this._tall[low - 1];
    const below = y - this.top(row + 1);
    return below < 0 ? row : row + 1 + Math.floor(below / this.lineHeight);
  }

  /** How many tall rows lie before row `index`. */
  private _before(index: number): number {
    let [low, high] = [0, this._tall.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this._tall[middle] < index) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }

  private _sum(): void {
    this._sums = [0];
    for (const row of this._tall) {
      this._sums.push(this._sums[this._sums.length - 1] + (this._measured.get(row) ?? this._guess));
    }
  }

  private readonly _measured = new Map<number, number>();
  private _tall: readonly number[] = [];
  private _sums: number[] = [0];
}
