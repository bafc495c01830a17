import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette, InputDialog, Notification, showErrorMessage } from '@jupyterlab/apputils';
import { IFileBrowserFactory } from '@jupyterlab/filebrowser';
import { INotebookTracker } from '@jupyterlab/notebook';
import { runIcon } from '@jupyterlab/ui-components';

import { choices, HERE } from '../runon/choices';
import { CommandIDs, ICloudML } from '../tokens';
import { addToPalette } from './palette';

/** "Run notebook on…": a whole notebook, as it was saved, as a job. */
export const runNotebook: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-cloudml:run-notebook',
  description: 'Runs a whole notebook as a job.',
  autoStart: true,
  requires: [ICloudML],
  optional: [INotebookTracker, IFileBrowserFactory, ICommandPalette],
  activate: (
    app: JupyterFrontEnd,
    { api, trans }: ICloudML,
    notebooks: INotebookTracker | null,
    browsers: IFileBrowserFactory | null,
    palette: ICommandPalette | null
  ): void => {
    const { commands } = app;

    /** The notebook under the menu: of the file browser where the menu was opened there, else the open one. */
    const pathOf = (): string | undefined => {
      const isBelow = (node: HTMLElement): boolean => node.classList.contains('jp-DirListing-item');
      const browser = browsers?.tracker.currentWidget;
      const clicked = app.contextMenuHitTest(isBelow);
      const selected = browser ? Array.from(browser.selectedItems()) : [];
      if (clicked || !notebooks?.currentWidget) {
        return selected.find(item => item.type === 'notebook')?.path;
      }
      return notebooks.currentWidget.context.path;
    };

    const askTarget = async (path: string): Promise<string | null> => {
      const targets = choices(await api.targets(), trans).filter(({ target }) => target !== HERE);
      const labels = targets.map(choice => choice.label);
      const answer = await InputDialog.getItem({
        title: trans.__('Run %1 on…', path),
        label: trans.__(
          'It runs as it was saved, in another process. The result is a new notebook.'
        ),
        items: labels,
        okLabel: trans.__('Run')
      });
      return answer.button.accept ? targets[labels.indexOf(answer.value ?? '')].target : null;
    };

    const save = async (path: string): Promise<void> => {
      const open = notebooks?.find(panel => panel.context.path === path);
      if (open?.context.model.dirty) {
        await open.context.save();
      }
    };

    commands.addCommand(CommandIDs.runNotebookOn, {
      label: trans.__('Run Notebook on…'),
      caption: trans.__('Run the whole notebook as a job'),
      icon: runIcon,
      describedBy: {
        args: {
          type: 'object',
          properties: { path: { type: 'string' }, target: { type: 'string' } }
        }
      },
      execute: async args => {
        const path = typeof args.path === 'string' ? args.path : pathOf();
        if (!path) {
          Notification.info(trans.__('Open or select the notebook that is to run.'));
          return;
        }
        try {
          const target = typeof args.target === 'string' ? args.target : await askTarget(path);
          if (target === null) {
            return;
          }
          await save(path);
          const row = await api.runNotebook({ path, target });
          Notification.success(trans.__('%1 runs on %2 as job %3', path, target, row.id), {
            autoClose: 8000,
            actions: [
              {
                label: trans.__('Open job'),
                callback: () => void commands.execute(CommandIDs.openJob, { id: row.id })
              }
            ]
          });
        } catch (error) {
          await showErrorMessage(trans.__('The notebook cannot be started'), error as Error);
        }
      }
    });
    addToPalette(palette, trans, [CommandIDs.runNotebookOn]);
  }
};
