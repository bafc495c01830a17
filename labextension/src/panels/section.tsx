import { PanelWithToolbar, ToolbarButton } from '@jupyterlab/ui-components';
import type { LabIcon } from '@jupyterlab/ui-components';
import type * as React from 'react';

import { WatchedView, type Watched } from './watched';

/** One section of the panel: a title, a toolbar and a view of its model. */
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
    this._view = new WatchedView(options.model, options.view);
    this._view.addClass('jp-cloudml-View');
    this.addWidget(this._view);
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

  private readonly _view: WatchedView;
}
