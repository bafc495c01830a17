import { ILabShell } from '@jupyterlab/application';
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';

import type { ToolName } from '../api/types';
import { CommandIDs, ICloudML } from '../tokens';
import { whenReady } from '../tools/ready';
import { ToolView } from '../tools/view';
import { addToPalette } from './palette';

/** MLflow's and TensorBoard's own interfaces inside Lab, started when they are opened; in Notebook 7, a tab of the browser. */
export const tools: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-cloudml:tools',
  description: 'Opens the MLflow UI and TensorBoard.',
  autoStart: true,
  requires: [ICloudML],
  optional: [ILabShell, ICommandPalette],
  activate: (
    app: JupyterFrontEnd,
    { api, trans }: ICloudML,
    lab: ILabShell | null,
    palette: ICommandPalette | null
  ): void => {
    const { commands } = app;
    const views = new Map<ToolName, ToolView>();

    const viewOf = (name: ToolName, title: string): ToolView => {
      const open = views.get(name);
      if (open && !open.isDisposed) {
        return open;
      }
      const view = new ToolView(title, trans.__('%1 is starting…', title));
      view.id = `jupyter-cloudml-${name}`;
      views.set(name, view);
      app.shell.add(view, 'main');
      return view;
    };

    const open = async (
      name: ToolName,
      title: string,
      options: { logdir?: string; page?: string } = {}
    ): Promise<void> => {
      const { page = '', ...rest } = options;
      if (lab === null) {
        // opened at once, in the click: a window that opens later is held back by the browser
        const tab = window.open('', '_blank');
        const url = await whenReady(api, name, rest);
        tab?.location.replace(url + page);
        return;
      }
      const view = viewOf(name, title);
      app.shell.activateById(view.id);
      try {
        view.present((await whenReady(api, name, rest)) + page);
      } catch (error) {
        view.fail(error instanceof Error ? error.message : String(error));
      }
    };

    commands.addCommand(CommandIDs.openMlflow, {
      label: trans.__('Open the MLflow UI'),
      caption: trans.__('Experiments, runs and models in MLflow’s own interface'),
      describedBy: { args: { type: 'object', properties: {} } },
      execute: () => open('mlflow', trans.__('MLflow'))
    });
    commands.addCommand(CommandIDs.openTensorboard, {
      label: trans.__('Open TensorBoard'),
      describedBy: {
        args: { type: 'object', properties: { logdir: { type: 'string' } } }
      },
      execute: args =>
        open('tensorboard', trans.__('TensorBoard'), {
          ...(typeof args.logdir === 'string' ? { logdir: args.logdir } : {})
        })
    });
    commands.addCommand(CommandIDs.openRun, {
      label: trans.__('Open the Run in the MLflow UI'),
      describedBy: {
        args: {
          type: 'object',
          properties: { run_id: { type: 'string' } },
          required: ['run_id']
        }
      },
      isVisible: args => !!args.run_id,
      execute: args =>
        open('mlflow', trans.__('MLflow'), {
          page: `#/runs/${encodeURIComponent(String(args.run_id))}`
        })
    });
    addToPalette(palette, trans, [CommandIDs.openMlflow, CommandIDs.openTensorboard]);
  }
};
