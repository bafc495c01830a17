import {
  ILayoutRestorer,
  type JupyterFrontEnd,
  type JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { MainAreaWidget, WidgetTracker } from '@jupyterlab/apputils';
import { IEditorLanguageRegistry } from '@jupyterlab/codemirror';
import { IRenderMimeRegistry } from '@jupyterlab/rendermime';

import type { JobPage } from '../jobpage/widget';
import { cloudmlIcon } from '../panels/icon';
import { CommandIDs, ICloudML } from '../tokens';
import { addToMain } from './place';

const JOB_ID = /^[0-9a-f]{12}$/;

/** `cloudml:open-job`: the page of a job in the main area, one for each job, there again after a reload. */
export const jobPage: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-cloudml:jobpage',
  description: 'A page for each job in the main area.',
  autoStart: true,
  requires: [ICloudML, IRenderMimeRegistry],
  optional: [ILayoutRestorer, IEditorLanguageRegistry],
  activate: (
    app: JupyterFrontEnd,
    cloudml: ICloudML,
    rendermime: IRenderMimeRegistry,
    restorer: ILayoutRestorer | null,
    languages: IEditorLanguageRegistry | null
  ): void => {
    const { api, stream, trans } = cloudml;
    const { commands, shell } = app;
    const tracker = new WidgetTracker<MainAreaWidget<JobPage>>({ namespace: 'cloudml-jobs' });

    const when = <T extends unknown[]>(
      command: string,
      args: (...words: T) => Record<string, string>
    ) => {
      return (...words: T): void => {
        if (commands.hasCommand(command)) {
          void commands.execute(command, args(...words));
        }
      };
    };

    const make = async (id: string): Promise<MainAreaWidget<JobPage>> => {
      const [{ JobPage }, { PageModel }] = await Promise.all([
        import('../jobpage/widget'),
        import('../jobpage/model')
      ]);
      const content = new JobPage(new PageModel(api, stream, id), {
        rendermime: rendermime.clone(),
        trans,
        highlight: languages
          ? async (code, element) => {
              await languages.highlight(code, languages.findByName('ipython'), element);
            }
          : null,
        onOpenRun: when(CommandIDs.openRun, (run_id: string) => ({ run_id })),
        onOpenCell: when(CommandIDs.openCell, (notebook: string, cell_id: string) => ({
          notebook,
          cell_id
        }))
      });
      content.title.label = id;
      content.title.icon = cloudmlIcon;
      content.title.caption = trans.__('Job %1', id);
      const widget = new MainAreaWidget({ content });
      widget.id = `cloudml-job-${id}`;
      widget.title.closable = true;
      return widget;
    };

    commands.addCommand(CommandIDs.openJob, {
      label: trans.__('Open Job Page'),
      describedBy: {
        args: {
          type: 'object',
          properties: { id: { type: 'string', description: trans.__('the job') } },
          required: ['id']
        }
      },
      execute: async args => {
        const id = String(args.id ?? '');
        if (!JOB_ID.test(id)) {
          throw new Error(trans.__('%1 is not the id of a job', id));
        }
        let widget = tracker.find(({ content }) => content.model.jobId === id);
        if (!widget) {
          widget = await make(id);
          await tracker.add(widget);
        }
        if (!widget.isAttached) {
          addToMain(shell, widget);
        }
        shell.activateById(widget.id);
        return widget;
      }
    });

    void restorer?.restore(tracker, {
      command: CommandIDs.openJob,
      args: ({ content }) => ({ id: content.model.jobId }),
      name: ({ content }) => content.model.jobId
    });
  }
};
