import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { Clipboard, Notification } from '@jupyterlab/apputils';
import { INotebookTracker, NotebookActions } from '@jupyterlab/notebook';

import { pythonString } from '../model/datasource';
import { CommandIDs, ICloudML } from '../tokens';

const textArgs = (name: string, description: string) => ({
  args: {
    type: 'object' as const,
    properties: { [name]: { type: 'string' as const, description } },
    required: [name]
  }
});

/** What the Data section writes into the notebook in front; without one, into the clipboard. */
export const data: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-cloudml:data',
  description: 'Inserts paths of data, and cells that prepare it.',
  autoStart: true,
  requires: [ICloudML],
  optional: [INotebookTracker],
  activate: (
    app: JupyterFrontEnd,
    { trans }: ICloudML,
    notebooks: INotebookTracker | null
  ): void => {
    const copy = (text: string): void => {
      Clipboard.copyToSystem(text);
      Notification.info(trans.__('No notebook is open, so it is in the clipboard.'), {
        autoClose: 4000
      });
    };

    app.commands.addCommand(CommandIDs.insertData, {
      label: trans.__('Insert the Path of Data'),
      describedBy: textArgs('text', 'the path or URI'),
      execute: args => {
        const text = pythonString(String(args.text ?? ''));
        const editor = notebooks?.activeCell?.editor;
        if (!editor?.replaceSelection) {
          copy(text);
          return;
        }
        editor.replaceSelection(text);
        editor.focus();
      }
    });

    app.commands.addCommand(CommandIDs.insertPrep, {
      label: trans.__('Insert a Cell that Prepares Data'),
      describedBy: textArgs('source', 'the source of the cell'),
      execute: args => {
        const source = String(args.source ?? '');
        const panel = notebooks?.currentWidget;
        if (!panel) {
          copy(source);
          return;
        }
        const { content } = panel;
        NotebookActions.insertBelow(content);
        content.activeCell?.model.sharedModel.setSource(source);
        void content.scrollToItem(content.activeCellIndex, 'smart');
      }
    });
  }
};
