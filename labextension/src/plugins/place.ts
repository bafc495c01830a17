import { LabShell, type JupyterFrontEnd } from '@jupyterlab/application';
import type { Widget } from '@lumino/widgets';

/** Adds a page to the main area; below it in Notebook 7, whose main area takes one document and nothing more. */
export function addToMain(shell: JupyterFrontEnd.IShell, page: Widget): void {
  const isLab = shell instanceof LabShell;
  page.toggleClass('jp-mod-cloudml-below', !isLab);
  shell.add(page, isLab ? 'main' : 'down');
}
