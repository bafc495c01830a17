import type { CloudMLApi } from '../api/client';
import type { Target } from '../api/types';
import { LiveModel, type Stream } from './live';

/** The shortest time between two requests that jobs on the move cause. */
export const PAUSE_MS = 2_000;

/** The targets and what is free on them; fetched when seen, and when jobs move while seen. */
export class TargetsModel extends LiveModel {
  constructor(
    private readonly _api: Pick<CloudMLApi, 'targets'>,
    stream: Stream
  ) {
    super(stream, PAUSE_MS);
  }

  get targets(): readonly Target[] {
    return this._targets;
  }

  protected async fetch(): Promise<void> {
    await this.loader.load(
      signal => this._api.targets(signal),
      targets => (this._targets = targets)
    );
  }

  protected take(): void {
    this.missed();
  }

  private _targets: readonly Target[] = [];
}
