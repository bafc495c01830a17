import type { TranslationBundle } from '@jupyterlab/translation';
import { Token } from '@lumino/coreutils';

import type { CloudMLApi } from './api/client';
import type { IJobStream } from './api/stream';
import type { JobsModel } from './model/jobs';

/** The translation domain of every visible text. */
export const DOMAIN = 'jupyter_cloudml';

/** What the plugins share: one client, one stream of changes, one list of jobs. */
export interface ICloudML {
  readonly api: CloudMLApi;
  readonly stream: IJobStream;
  /** The jobs of this user, live. */
  readonly jobs: JobsModel;
  readonly trans: TranslationBundle;
}

export const ICloudML = new Token<ICloudML>(
  'jupyter-cloudml:ICloudML',
  'Jobs, runs and targets of CloudML: the client of the server, its stream of changes, and the list of jobs.'
);

/** Names of the commands, for menus, cards and tests. Arguments are in `plugins/commands.ts`. */
export namespace CommandIDs {
  export const openJob = 'cloudml:open-job';
  export const cancelJob = 'cloudml:cancel-job';
  export const retryJob = 'cloudml:retry-job';
  export const pullJob = 'cloudml:pull-job';
  export const openCell = 'cloudml:open-cell';
  export const openRun = 'cloudml:open-run';
  export const openQuickstart = 'cloudml:open-quickstart';
  export const runOn = 'cloudml:run-on';
  export const runNotebookOn = 'cloudml:run-notebook-on';
  export const openMlflow = 'cloudml:open-mlflow';
  export const openTensorboard = 'cloudml:open-tensorboard';
  export const insertData = 'cloudml:insert-data';
  export const insertPrep = 'cloudml:insert-prep';
  export const showPanel = 'cloudml:show-panel';
}
