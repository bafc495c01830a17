import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { CloudMLApi } from '../api/client';
import { JobStream } from '../api/stream';
import { JobsModel } from '../model/jobs';
import { DOMAIN, ICloudML } from '../tokens';

/** Provides what every other plugin needs. Fetches nothing: the first view that is seen does. */
export const core: JupyterFrontEndPlugin<ICloudML> = {
  id: 'jupyter-cloudml:core',
  description:
    'The client of the CloudML server extension, its stream of changes, and the list of jobs.',
  autoStart: true,
  optional: [ITranslator],
  provides: ICloudML,
  activate: (app: JupyterFrontEnd, translator: ITranslator | null): ICloudML => {
    const api = new CloudMLApi(app.serviceManager.serverSettings);
    const stream = new JobStream(app.serviceManager.events, app.serviceManager, () =>
      api.listJobs({ limit: 1 })
    );
    const jobs = new JobsModel(api, stream);
    const trans = (translator ?? nullTranslator).load(DOMAIN);
    return { api, stream, jobs, trans };
  }
};
