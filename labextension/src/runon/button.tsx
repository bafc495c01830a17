import type { ICodeCellModel } from '@jupyterlab/cells';
import type { TranslationBundle } from '@jupyterlab/translation';
import { caretDownEmptyIcon, ReactWidget, ToolbarButtonComponent } from '@jupyterlab/ui-components';
import React from 'react';

import { targetOf } from './cells';
import { HERE } from './choices';

export interface RunOnButtonProps {
  /** Where the cell runs, as `targetOf` says it. */
  target: string;
  trans: TranslationBundle;
  onOpen: () => void;
}

/** The control of a code cell: says where it runs, opens the menu of targets. Lab's own button, with its keys. */
export function RunOnButton({ target, trans, onOpen }: RunOnButtonProps): React.ReactElement {
  const isHere = target === HERE;
  const where = target || trans.__('default target');
  return (
    <ToolbarButtonComponent
      className={`jp-cloudml-RunOn${isHere ? '' : ' jp-mod-away'}`}
      icon={caretDownEmptyIcon}
      label={isHere ? trans.__('Run on…') : where}
      tooltip={
        isHere
          ? trans.__('Choose where this cell runs')
          : trans.__('Runs on %1. Choose where this cell runs', where)
      }
      aria-haspopup="menu"
      // the cell keeps the focus, so that Shift Enter runs it after the choice
      noFocusOnClick
      onClick={() => onOpen()}
    />
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
    this.addClass('jp-ToolbarButton');
    this._target = targetOf(_cell);
    _cell.contentChanged.connect(this._look, this);
  }

  protected render(): React.ReactElement {
    return <RunOnButton target={this._target} trans={this._trans} onOpen={() => this._open()} />;
  }

  override dispose(): void {
    this._cell.contentChanged.disconnect(this._look, this);
    super.dispose();
  }

  /** The button is found by its class: Lab 4.4 hands no event to who listens for a click. */
  private _open(): void {
    this._onOpen(this.node.querySelector<HTMLElement>('.jp-cloudml-RunOn') ?? this.node);
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
