import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette, IToolbarWidgetRegistry } from '@jupyterlab/apputils';
import { CodeCell, type Cell } from '@jupyterlab/cells';
import { INotebookTracker } from '@jupyterlab/notebook';
import { circleIcon } from '@jupyterlab/ui-components';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';
import { Widget } from '@lumino/widgets';

import { RunOnWidget } from '../runon/button';
import { setTarget, targetOf } from '../runon/cells';
import { HERE } from '../runon/choices';
import { loadMagics } from '../runon/kernel';
import { TargetMenu } from '../runon/menu';
import { CommandIDs, ICloudML } from '../tokens';
import { addToPalette } from './palette';

/** The name of the item in `schema/runon.json`. */
const TOOLBAR_ITEM = 'cloudml-run-on';

/** "Run on…" of a code cell: in its toolbar, its context menu, the palette, and by key. */
export const runOn: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-cloudml:runon',
  description: 'Chooses where a code cell runs, by its %%cloudtrain line.',
  autoStart: true,
  requires: [ICloudML, INotebookTracker],
  optional: [IToolbarWidgetRegistry, ICommandPalette],
  activate: (
    app: JupyterFrontEnd,
    { api, trans }: ICloudML,
    notebooks: INotebookTracker,
    toolbars: IToolbarWidgetRegistry | null,
    palette: ICommandPalette | null
  ): void => {
    const { commands } = app;
    const menu = new TargetMenu(commands, api, trans);
    const open = (anchor: Element): void => void menu.open(anchor);

    commands.addCommand(CommandIDs.runOn, {
      label: args => text(args.note) || text(args.label) || trans.__('Run Cell on…'),
      caption: args => text(args.caption) || trans.__('Choose where the selected cells run'),
      icon: args => (args.health && args.target !== HERE ? circleIcon : undefined),
      iconClass: args => (args.health ? `jp-cloudml-health-${text(args.health)}` : ''),
      isEnabled: args => !args.note && chosenCells(notebooks).length > 0,
      isToggleable: true,
      isToggled: args => isChosen(args, notebooks),
      describedBy: {
        args: {
          type: 'object',
          properties: {
            target: {
              type: 'string',
              description: 'kind[:name] of a target, or (here) for the kernel; asked for if absent'
            }
          }
        }
      },
      execute: async args => {
        const cells = chosenCells(notebooks);
        const target = text(args.target);
        if (!target) {
          await menu.open(anchorOf(cells[0]));
          return;
        }
        cells.forEach(cell => setTarget(cell.model, target));
        const kernel = notebooks.currentWidget?.sessionContext.session?.kernel;
        if (kernel) {
          await loadMagics(kernel);
        }
      }
    });

    toolbars?.addFactory<Cell>('Cell', TOOLBAR_ITEM, cell =>
      cell instanceof CodeCell ? new RunOnWidget(cell.model, trans, open) : hidden()
    );
    addToPalette(palette, trans, [CommandIDs.runOn]);
  }
};

function chosenCells(notebooks: INotebookTracker): CodeCell[] {
  const notebook = notebooks.currentWidget?.content;
  if (!notebook || notebook.model?.readOnly) {
    return [];
  }
  return notebook.widgets.filter(
    (cell): cell is CodeCell => cell instanceof CodeCell && notebook.isSelectedOrActive(cell)
  );
}

function isChosen(args: ReadonlyPartialJSONObject, notebooks: INotebookTracker): boolean {
  const cell = notebooks.activeCell;
  return cell instanceof CodeCell && !!args.target && targetOf(cell.model) === args.target;
}

/** Where the menu opens: at the button where it is shown (a narrow cell hides its toolbar), else at the cell. */
function anchorOf(cell: CodeCell): Element {
  const button = cell.node.querySelector('.jp-cloudml-RunOn');
  return button && button.getClientRects().length > 0
    ? button
    : (cell.inputArea?.node ?? cell.node);
}

function hidden(): Widget {
  const widget = new Widget();
  widget.hide();
  return widget;
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
