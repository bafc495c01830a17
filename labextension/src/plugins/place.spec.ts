import { LabShell, type JupyterFrontEnd } from '@jupyterlab/application';
import { Widget } from '@lumino/widgets';

import { addToMain } from './place';

/** As much of a shell as a page is added to: Lab's own, or another application's. */
function shellOf(isLab: boolean) {
  const add = jest.fn();
  const shell = isLab ? (Object.create(LabShell.prototype) as object) : {};
  Object.defineProperty(shell, 'add', { value: add });
  return { shell: shell as unknown as JupyterFrontEnd.IShell, add };
}

it('adds a page to the main area of Lab', () => {
  const { shell, add } = shellOf(true);
  const page = new Widget();
  addToMain(shell, page);
  expect(add).toHaveBeenCalledWith(page, 'main');
  expect(page.hasClass('jp-mod-cloudml-below')).toBe(false);
});

it('adds it below the document where the main area takes one document only (Notebook 7)', () => {
  const { shell, add } = shellOf(false);
  const page = new Widget();
  addToMain(shell, page);
  expect(add).toHaveBeenCalledWith(page, 'down');
  expect(page.hasClass('jp-mod-cloudml-below')).toBe(true);
});

it('gives a page that moves back to Lab its full height again', () => {
  const page = new Widget();
  addToMain(shellOf(false).shell, page);
  addToMain(shellOf(true).shell, page);
  expect(page.hasClass('jp-mod-cloudml-below')).toBe(false);
});
