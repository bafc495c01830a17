import type { ICodeCellModel } from '@jupyterlab/cells';
import type { TranslationBundle } from '@jupyterlab/translation';
import { caretDownEmptyThinIcon, ReactWidget } from '@jupyterlab/ui-components';
import type { Message } from '@lumino/messaging';
import React from 'react';

import { targetOf } from './cells';
import { HERE } from './choices';

export interface RunOnButtonProps {
  /** Where the cell runs, as `targetOf` says it. */
  target: string;
  trans: TranslationBundle;
  onOpen: (anchor: HTMLElement) => void;
}

/** The control of a code cell: says where it runs, opens the menu of targets. */
export function RunOnButton({ target, trans, onOpen }: RunOnButtonProps): React.ReactElement {
  const isHere = target === HERE;
  const where = target || trans.__('default target');
  const title = isHere
    ? trans.__('Run this cell somewhere else…')
    : trans.__('Runs on %1. Choose where this cell runs…', where);
  return (
    <button
      type="button"
      className={`jp-cloudml-RunOn${isHere ? '' : ' jp-mod-away'}`}
      aria-haspopup="menu"
      title={title}
      onClick={event => onOpen(event.currentTarget)}
    >
      <span>{isHere ? trans.__('Run on…') : where}</span>
      <caretDownEmptyThinIcon.react tag="span" aria-hidden="true" />
    </button>
  );
}

/** The button in the toolbar of one cell; follows the cell's source. */
export class RunOnWidget extends ReactWidget {
  constructor(
    private readonly _cell: ICodeCellModel,
    private readonly _trans: TranslationBundle,
    private readonly _onOpen: (anchor: HTMLElement) => void
  ) {
    super();
    this.addClass('jp-cloudml-RunOnItem');
    this._target = targetOf(_cell);
    _cell.contentChanged.connect(this._look, this);
  }

  protected render(): React.ReactElement {
    return <RunOnButton target={this._target} trans={this._trans} onOpen={this._onOpen} />;
  }

  /** Lab moves between the items of a toolbar by keys; focus belongs on the button itself. */
  protected override onActivateRequest(_: Message): void {
    this.node.querySelector('button')?.focus();
  }

  override dispose(): void {
    this._cell.contentChanged.disconnect(this._look, this);
    super.dispose();
  }

  private _look(): void {
    const target = targetOf(this._cell);
    if (target !== this._target) {
      this._target = target;
      this.update();
    }
  }

  private _target: string;
}
