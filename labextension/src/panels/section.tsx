import { PanelWithToolbar, ReactWidget, ToolbarButton } from '@jupyterlab/ui-components';
import type { LabIcon } from '@jupyterlab/ui-components';
import type { Message } from '@lumino/messaging';
import type { ISignal } from '@lumino/signaling';
import type * as React from 'react';

/** What a section shows: it changes, and wants to know whether somebody looks. */
export interface Watched {
  readonly changed: ISignal<unknown, void>;
  setVisible(isVisible: boolean): void;
}

/**
 * One section of the panel: a title, a toolbar and a view that is drawn anew when its model changes.
 *
 * The model is told whether the section can be seen: panel open, section unfolded, browser tab in front.
 */
export class Section extends PanelWithToolbar {
  constructor(options: {
    id: string;
    title: string;
    model: Watched;
    view: () => React.JSX.Element;
  }) {
    super();
    this.id = options.id;
    this.title.label = options.title;
    this.addClass('jp-cloudml-Section');
    this._model = options.model;
    this._view = new View(options.model.changed, options.view);
    this.addWidget(this._view);
    document.addEventListener('visibilitychange', this._look);
  }

  addTool(name: string, icon: LabIcon, tooltip: string, onClick: () => void): ToolbarButton {
    const button = new ToolbarButton({ icon, tooltip, onClick });
    this.toolbar.addItem(name, button);
    return button;
  }

  /** Draw anew. */
  redraw(): void {
    this._view.update();
  }

  override dispose(): void {
    document.removeEventListener('visibilitychange', this._look);
    super.dispose();
  }

  protected override onAfterShow(msg: Message): void {
    super.onAfterShow(msg);
    this._look();
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

  private readonly _model: Watched;
  private readonly _view: View;
}

/** Draws at most once a frame, and only what is on screen. */
class View extends ReactWidget {
  constructor(
    changed: ISignal<unknown, void>,
    private readonly _draw: () => React.JSX.Element
  ) {
    super();
    this.addClass('jp-cloudml-View');
    changed.connect(() => this.update(), this);
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
    this.update();
  }
}
