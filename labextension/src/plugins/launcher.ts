import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette, showErrorMessage } from '@jupyterlab/apputils';
import { IDefaultFileBrowser } from '@jupyterlab/filebrowser';
import { ILauncher } from '@jupyterlab/launcher';

import { cloudmlIcon } from '../panels/icon';
import { quickstartIn } from '../quickstart/open';
import { CommandIDs, ICloudML } from '../tokens';
import { addToPalette } from './palette';

/** The quickstart notebook: a card of the launcher, a command of the palette. */
export const launcher: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-cloudml:launcher',
  description: 'A card of the launcher that opens the quickstart.',
  autoStart: true,
  requires: [ICloudML],
  optional: [ILauncher, ICommandPalette, IDefaultFileBrowser],
  activate: (
    app: JupyterFrontEnd,
    { trans }: ICloudML,
    cards: ILauncher | null,
    palette: ICommandPalette | null,
    browser: IDefaultFileBrowser | null
  ): void => {
    const { contents } = app.serviceManager;
    app.commands.addCommand(CommandIDs.openQuickstart, {
      label: args =>
        args.isLauncher ? trans.__('CloudML quickstart') : trans.__('Open the CloudML Quickstart'),
      caption: trans.__('A notebook that trains a digit classifier in another process'),
      icon: cloudmlIcon,
      describedBy: {
        args: {
          type: 'object',
          properties: { cwd: { type: 'string', description: 'the folder that gets the notebook' } }
        }
      },
      execute: async args => {
        const folder = typeof args.cwd === 'string' ? args.cwd : (browser?.model.path ?? '');
        try {
          const path = await quickstartIn(folder, contents);
          return await app.commands.execute('docmanager:open', { path });
        } catch (error) {
          return showErrorMessage(trans.__('The quickstart cannot be opened'), error as Error);
        }
      }
    });
    cards?.add({
      command: CommandIDs.openQuickstart,
      // of its own: the cards of "Notebook" show the icon of a kernel, or a letter
      category: trans.__('CloudML'),
      args: { isLauncher: true }
    });
    addToPalette(palette, trans, [CommandIDs.openQuickstart]);
  }
};
