/**
 * The plugins of CloudML, one a line. A new one is a file in `plugins/` and a line here; a heavy one loads what it
 * shows with `await import(…)` when it is first seen, so that Lab starts as quickly as without us.
 */
import type { JupyterFrontEndPlugin } from '@jupyterlab/application';

import { card } from './plugins/card';
import { commands } from './plugins/commands';
import { core } from './plugins/core';
import { data } from './plugins/data';
import { jobPage } from './plugins/jobpage';
import { launcher } from './plugins/launcher';
import { magics } from './plugins/magics';
import { panel } from './plugins/panel';
import { runNotebook } from './plugins/runnotebook';
import { runOn } from './plugins/runon';
import { statusBar } from './plugins/statusbar';
import { tools } from './plugins/tools';

const plugins: JupyterFrontEndPlugin<unknown>[] = [
  core,
  card,
  commands,
  data,
  jobPage,
  launcher,
  magics,
  panel,
  runNotebook,
  runOn,
  statusBar,
  tools
];

export default plugins;
