import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { Notification } from '@jupyterlab/apputils';
import type { Cell } from '@jupyterlab/cells';
import { INotebookTracker, NotebookActions, type Notebook } from '@jupyterlab/notebook';
import type { Kernel } from '@jupyterlab/services';

import { loadMagics } from '../runon/kernel';
import { usesMagics } from '../runon/magicline';
import { ICloudML } from '../tokens';

/**
 * Loads our magics in the kernel just before a cell that uses them, so that a user who clicks needs no `%load_ext`.
 *
 * Nothing is installed into the user's IPython configuration, no other notebook is touched, and nothing happens for
 * cells without our magics. A notebook that must run outside of Lab too (papermill, another editor) still says
 * `%load_ext jupyter_cloudml` itself. Whoever does not want this disables the plugin.
 */
export const magics: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-cloudml:magics',
  description: 'Loads the magics in a kernel before the first cell that uses them.',
  autoStart: true,
  requires: [ICloudML, INotebookTracker],
  activate: (_: JupyterFrontEnd, { trans }: ICloudML, notebooks: INotebookTracker): void => {
    const told = new WeakSet<Kernel.IKernelConnection>();

    const load = async (kernel: Kernel.IKernelConnection): Promise<void> => {
      if ((await loadMagics(kernel)) !== 'missing' || told.has(kernel)) {
        return;
      }
      told.add(kernel);
      Notification.error(
        trans.__(
          'The kernel of this notebook has no jupyter-cloudml. Install it in that environment: %1',
          'pip install jupyter-cloudml'
        ),
        { autoClose: false }
      );
    };

    // emitted right before the request of the cell itself is sent: the kernel takes them in this order
    NotebookActions.executionScheduled.connect(
      (_: unknown, { notebook, cell }: { notebook: Notebook; cell: Cell }) => {
        const panel = notebooks.find(panel => panel.content === notebook);
        const kernel = panel?.sessionContext.session?.kernel;
        const isPython = notebook.model?.defaultKernelLanguage === 'python';
        if (kernel && isPython && usesMagics(cell.model.sharedModel.getSource())) {
          void load(kernel);
        }
      }
    );
  }
};
