import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { LongText } from '../card/longtext';
import { MIME } from '../card/marks';
import { JobCard } from '../card/widget';
import { CommandIDs, DOMAIN, ICloudML } from '../tokens';

/** Before Lab's own renderers of JSON and HTML, which the same outputs carry too. */
const RANK = 40;

const STDOUT = 'application/vnd.jupyter.stdout';

/** Renders `application/vnd.cloudml.job+json`, live where the server extension is, as it was saved elsewhere. */
export const card: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-cloudml:card',
  description: 'Live job cards in notebooks.',
  autoStart: true,
  requires: [IRenderMimeRegistry],
  optional: [ICloudML, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    rendermime: IRenderMimeRegistry,
    cloudml: ICloudML | null,
    translator: ITranslator | null
  ): void => {
    const trans = cloudml?.trans ?? (translator ?? nullTranslator).load(DOMAIN);
    const { commands } = app;
    const opener = (command: string, key: string) => {
      return (value: string): void => {
        if (commands.hasCommand(command)) {
          void commands.execute(command, { [key]: value });
        }
      };
    };
    rendermime.addFactory(
      {
        safe: true,
        mimeTypes: [MIME],
        createRenderer: ({ resolver }) =>
          new JobCard({
            server: cloudml,
            rendermime: resolver ? rendermime.clone({ resolver }) : rendermime,
            trans,
            openJob: cloudml && opener(CommandIDs.openJob, 'id'),
            openRun: cloudml && opener(CommandIDs.openRun, 'run_id')
          })
      },
      RANK
    );
    rendermime.addFactory(
      { safe: true, mimeTypes: [STDOUT], createRenderer: options => new LongText(options) },
      RANK
    );
  }
};
