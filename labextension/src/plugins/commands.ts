import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette, InputDialog, Notification, showErrorMessage } from '@jupyterlab/apputils';
import { PageConfig } from '@jupyterlab/coreutils';
import { INotebookTracker, NotebookActions, NotebookPanel } from '@jupyterlab/notebook';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';

import { isFinal, type JobRow } from '../api/types';
import { contentsPath } from '../runon/paths';
import { CommandIDs, ICloudML } from '../tokens';
import { addToPalette } from './palette';

const ID_ARGS = {
  args: {
    type: 'object',
    properties: { id: { type: 'string', description: 'the job; asked for if absent' } }
  }
} as const;

/** How many jobs are offered where a command is called without one. */
const OFFERED = 50;

/** What can be done to a job, for buttons, menus and the palette. Views of jobs register their own commands. */
export const commands: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-cloudml:commands',
  description: 'Commands on jobs: cancel, retry, pull, show the cell.',
  autoStart: true,
  requires: [ICloudML],
  optional: [INotebookTracker, ICommandPalette],
  activate: (
    app: JupyterFrontEnd,
    cloudml: ICloudML,
    notebooks: INotebookTracker | null,
    palette: ICommandPalette | null
  ): void => {
    const { api, jobs, trans } = cloudml;
    const { commands } = app;

    /** Says a failure to the user; the command itself does not fail. */
    const told = async <T>(title: string, action: () => Promise<T>): Promise<T | undefined> => {
      try {
        return await action();
      } catch (error) {
        await showErrorMessage(title, error as Error);
        return undefined;
      }
    };

    commands.addCommand(CommandIDs.cancelJob, {
      label: trans.__('Cancel Job…'),
      caption: trans.__('Ask a job to stop'),
      describedBy: ID_ARGS,
      execute: args =>
        told(trans.__('The job cannot be cancelled'), async () => {
          const id = await jobOf(cloudml, args, trans.__('Cancel'), row => !isFinal(row.state));
          if (id) {
            jobs.put(await api.cancel(id));
          }
        })
    });

    commands.addCommand(CommandIDs.retryJob, {
      label: trans.__('Retry Job…'),
      caption: trans.__('Start a job that has ended once more, with the same bundle'),
      describedBy: ID_ARGS,
      execute: args =>
        told(trans.__('The job cannot be started again'), async () => {
          const id = await jobOf(cloudml, args, trans.__('Retry'), row => isFinal(row.state));
          if (id) {
            jobs.put(await api.retry(id));
          }
        })
    });

    commands.addCommand(CommandIDs.pullJob, {
      label: trans.__('Pull Job Results into the Notebook…'),
      caption: trans.__('Bind what a job brought home in the active notebook'),
      describedBy: ID_ARGS,
      execute: async args => {
        const panel = notebooks?.currentWidget;
        if (!panel) {
          Notification.info(trans.__('Open the notebook that the results are to be bound in.'));
          return;
        }
        const id = await jobOf(cloudml, args, trans.__('Pull'), row => row.state === 'SUCCEEDED');
        if (id) {
          await insertAndRun(panel, `%cloudpull ${id}`);
        }
      }
    });

    commands.addCommand(CommandIDs.openCell, {
      label: args =>
        args.notebook && !args.cell_id
          ? trans.__('Open the Notebook of a Job')
          : trans.__('Show the Cell of a Job'),
      describedBy: {
        args: {
          type: 'object',
          properties: { notebook: { type: 'string' }, cell_id: { type: 'string' } },
          required: ['notebook']
        }
      },
      isVisible: args => !!args.notebook,
      execute: args =>
        told(trans.__('The cell cannot be shown'), async () => {
          const path = contentsPath(String(args.notebook), PageConfig.getOption('serverRoot'));
          const widget: unknown = await commands.execute('docmanager:open', { path });
          if (widget instanceof NotebookPanel && args.cell_id) {
            await showCell(widget, String(args.cell_id), trans);
          }
        })
    });

    addToPalette(palette, trans, [CommandIDs.cancelJob, CommandIDs.retryJob, CommandIDs.pullJob]);
  }
};

/** The job that the command is about: its argument, else the one that the user picks; null when they pick none. */
async function jobOf(
  { api, trans }: ICloudML,
  args: ReadonlyPartialJSONObject,
  verb: string,
  fits: (row: JobRow) => boolean
): Promise<string | null> {
  if (typeof args.id === 'string') {
    return args.id;
  }
  const { jobs } = await api.listJobs({ limit: OFFERED });
  const rows = jobs.filter(fits);
  if (rows.length === 0) {
    Notification.info(trans.__('There is no job to choose from.'), { autoClose: 4000 });
    return null;
  }
  const lines = rows.map(row => `${row.id} · ${row.name || row.source_head} · ${row.state}`);
  const choice = await InputDialog.getItem({
    title: trans.__('Which job?'),
    items: lines,
    okLabel: verb
  });
  return choice.button.accept && choice.value ? rows[lines.indexOf(choice.value)].id : null;
}

async function insertAndRun(panel: NotebookPanel, source: string): Promise<void> {
  const { content, sessionContext } = panel;
  NotebookActions.insertBelow(content);
  content.activeCell?.model.sharedModel.setSource(source);
  await NotebookActions.run(content, sessionContext);
}

async function showCell(
  panel: NotebookPanel,
  cellId: string,
  trans: TranslationBundle
): Promise<void> {
  await panel.context.ready;
  await panel.revealed;
  const { content } = panel;
  const index = content.widgets.findIndex(cell => cell.model.id === cellId);
  if (index < 0) {
    Notification.info(trans.__('The cell of this job is no longer in the notebook.'), {
      autoClose: 4000
    });
    return;
  }
  content.deselectAll();
  content.activeCellIndex = index;
  await content.scrollToItem(index, 'smart');
}
