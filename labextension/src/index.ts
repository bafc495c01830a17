/**
 * The plugins of CloudML, one a line. A new one is a file in `plugins/` and a line here; a heavy one loads what it
 * shows with `await import(…)` when it is first seen, so that Lab starts as quickly as without us.
 */
import type { JupyterFrontEndPlugin } from '@jupyterlab/application';

import { core } from './plugins/core';

const plugins: JupyterFrontEndPlugin<unknown>[] = [core];

export default plugins;
