import type { TranslationBundle } from '@jupyterlab/translation';
import { Menu } from '@lumino/widgets';
import type { CommandRegistry } from '@lumino/commands';

import type { CloudMLApi } from '../api/client';
import type { Target } from '../api/types';
import { CommandIDs } from '../tokens';
import { choices, type Choice } from './choices';

/** The targets of the last answer: shown at once the next time, while the server is asked again. */
let known: readonly Target[] = [];

/**
 * The menu of targets below (or beside) `anchor`, with the keys of every menu of Lab.
 *
 * It opens at once; health comes with the server's answer, in place. It is disposed of when it closes.
 */
export async function openTargetMenu(
  commands: CommandRegistry,
  api: Pick<CloudMLApi, 'targets'>,
  trans: TranslationBundle,
  anchor: Element
): Promise<Menu> {
  const menu = new Menu({ commands });
  menu.addClass('jp-cloudml-TargetMenu');
  menu.title.label = trans.__('Run on');
  menu.contentNode.setAttribute('aria-label', trans.__('Run this cell on'));
  fill(menu, choices(known, trans), known.length > 0 ? '' : trans.__('Looking for targets…'));
  const isClosed = new Promise<void>(resolve => menu.aboutToClose.connect(() => resolve()));
  const { left, bottom } = anchor.getBoundingClientRect();
  const before = document.activeElement;
  anchor.setAttribute('aria-expanded', 'true');
  menu.open(left, bottom);
  menu.activateNextItem();
  void isClosed.then(() => {
    anchor.setAttribute('aria-expanded', 'false');
    // the menu says goodbye before it runs the command of the chosen item
    setTimeout(() => menu.dispose());
    if (before instanceof HTMLElement && before.isConnected) {
      before.focus();
    }
  });
  try {
    known = await api.targets();
    fill(menu, choices(known, trans));
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    fill(menu, choices(known, trans), message);
  }
  return menu;
}

function fill(menu: Menu, lines: readonly Choice[], note = ''): void {
  if (menu.isDisposed) {
    return;
  }
  const active = menu.activeIndex;
  menu.clearItems();
  lines.forEach((line, i) => {
    menu.addItem({ command: CommandIDs.runOn, args: { ...line } });
    if (i === 0) {
      menu.addItem({ type: 'separator' });
    }
  });
  if (note) {
    menu.addItem({ command: CommandIDs.runOn, args: { note } });
  }
  menu.activeIndex = active;
}
