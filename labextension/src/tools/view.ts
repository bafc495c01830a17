import { MainAreaWidget } from '@jupyterlab/apputils';
import { IFrame } from '@jupyterlab/ui-components';
import { Panel, Widget } from '@lumino/widgets';

import { cloudmlIcon } from '../panels/icon';

/** What a web interface of its own needs; it is the user's own tool, behind the same login as Lab. */
const SANDBOX: IFrame.SandboxExceptions[] = [
  'allow-same-origin',
  'allow-scripts',
  'allow-forms',
  'allow-popups',
  'allow-downloads',
  'allow-modals'
];

/** A tool in a tab of the main area: says that it starts, then shows it, or says why not. */
export class ToolView extends MainAreaWidget<Panel> {
  constructor(title: string, starting: string) {
    super({ content: new Panel() });
    this.title.label = title;
    this.title.icon = cloudmlIcon;
    this.title.closable = true;
    this.addClass('jp-cloudml-Tool');
    this._note.addClass('jp-cloudml-ToolNote');
    this._note.node.setAttribute('role', 'status');
    this._note.node.textContent = starting;
    this.content.addWidget(this._note);
  }

  /** Shows the page; the same page is loaded anew only where `url` is another. */
  present(url: string): void {
    this._note.hide();
    if (this._frame.parent === null) {
      this._frame.title.label = this.title.label;
      this._frame.node.querySelector('iframe')?.setAttribute('title', this.title.label);
      this.content.addWidget(this._frame);
    }
    if (this._frame.url !== url) {
      this._frame.url = url;
    }
  }

  fail(message: string): void {
    this._note.node.setAttribute('role', 'alert');
    this._note.node.textContent = message;
    this._note.show();
  }

  private readonly _note = new Widget();
  private readonly _frame = new IFrame({ sandbox: SANDBOX, referrerPolicy: 'same-origin' });
}
