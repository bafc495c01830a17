import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { IStatusBar } from '@jupyterlab/statusbar';
import { ReactWidget, UseSignal } from '@jupyterlab/ui-components';
import React from 'react';

import { StatusItem } from '../components/statusitem';
import { CountsModel } from '../model/counts';
import { CommandIDs, ICloudML } from '../tokens';

/** "n running · n queued" in the status bar; not there while nothing does. */
export const statusBar: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-cloudml:statusbar',
  description: 'Shows in the status bar how many jobs run and wait.',
  autoStart: true,
  requires: [ICloudML],
  optional: [IStatusBar],
  activate: (
    app: JupyterFrontEnd,
    { api, stream, trans }: ICloudML,
    statusbar: IStatusBar | null
  ): void => {
    if (statusbar === null) {
      return;
    }
    const counts = new CountsModel(api, stream);
    const onOpen = (): void => void app.commands.execute(CommandIDs.showPanel);
    const item = ReactWidget.create(
      <UseSignal signal={counts.changed}>
        {() => (
          <StatusItem
            running={counts.running}
            queued={counts.queued}
            costToday={counts.costToday}
            trans={trans}
            onOpen={onOpen}
          />
        )}
      </UseSignal>
    );
    statusbar.registerStatusItem('jupyter-cloudml:statusbar', {
      item,
      align: 'left',
      rank: 2,
      isActive: () => counts.running + counts.queued + (counts.costToday ?? 0) > 0,
      activeStateChanged: counts.changed
    });
    void app.restored.then(() => counts.refresh());
  }
};
