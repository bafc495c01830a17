import { ReactWidget } from '@jupyterlab/ui-components';
import type { Message } from '@lumino/messaging';
import type { ISignal } from '@lumino/signaling';
import type * as React from 'react';

/** A model that is drawn: it changes, and wants to know whether somebody looks. */
export interface Watched {
  readonly changed: ISignal<unknown, void>;
  setVisible(isVisible: boolean): void;
}

/**
 * Draws a model anew when it changes: at most once a frame, and only while it is on screen.
 *
 * The model is told whether it can be seen: the widget shown, and the browser's tab in front.
 */
export class WatchedView extends ReactWidget {
  constructor(
    private readonly _model: Watched,
    private readonly _draw: () => React.JSX.Element
  ) {
    super();
    _model.changed.connect(() => this.update(), this);
    document.addEventListener('visibilitychange', this._look);
  }

  override dispose(): void {
    document.removeEventListener('visibilitychange', this._look);
    super.dispose();
  }

  protected override render(): React.JSX.Element {
    return this._draw();
  }

  protected override onUpdateRequest(msg: Message): void {
    if (this.isVisible) {
      super.onUpdateRequest(msg);
    }
  }

  protected override onAfterShow(msg: Message): void {
    super.onAfterShow(msg);
    this._look();
    this.update();
  }

  protected override onAfterHide(msg: Message): void {
    super.onAfterHide(msg);
    this._look();
  }

  protected override onAfterAttach(msg: Message): void {
    super.onAfterAttach(msg);
    this._look();
  }

  private readonly _look = (): void => {
    this._model.setVisible(this.isVisible && !document.hidden);
  };
}
