import { LabShell, type JupyterFrontEnd } from '@jupyterlab/application';
import type { Widget } from '@lumino/widgets';

/** Adds a page to the main area; below it in Notebook 7, whose main area takes one document and nothing more. */
export function addToMain(shell: JupyterFrontEnd.IShell, page: Widget): void {
  shell.add(page, shell instanceof LabShell ? 'main' : 'down');
}
