import { ReactWidget } from '@jupyterlab/ui-components';
import type { Message } from '@lumino/messaging';
import * as React from 'react';

import { Visibility } from '../card/visibility';
import type { PageModel } from './model';
import { Page, type PageTools } from './page';

/** The content of a job's main-area page; live while it is seen. */
export class JobPage extends ReactWidget {
  constructor(
    readonly model: PageModel,
    private readonly _tools: PageTools
  ) {
    super();
    this.addClass('jp-cloudml-Page');
    this._visibility.changed.connect(() => {
      this.model.job.isWatched = this._visibility.isVisible;
    });
    this.model.job.changed.connect(() => {
      this.title.label = model.job.snapshot?.name || model.jobId;
    });
  }

  override dispose(): void {
    if (!this.isDisposed) {
      this._visibility.dispose();
      this.model.dispose();
      super.dispose();
    }
  }

  protected override render(): React.JSX.Element {
    return <Page {...this._tools} model={this.model} />;
  }

  protected override onAfterAttach(message: Message): void {
    super.onAfterAttach(message);
    this._visibility.observe();
  }

  protected override onBeforeDetach(message: Message): void {
    this._visibility.unobserve();
    super.onBeforeDetach(message);
  }

  private readonly _visibility = new Visibility(this.node);
}
