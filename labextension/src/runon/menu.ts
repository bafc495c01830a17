import type { TranslationBundle } from '@jupyterlab/translation';
import type { CommandRegistry } from '@lumino/commands';
import { Menu } from '@lumino/widgets';

import type { CloudMLApi } from '../api/client';
import type { Target } from '../api/types';
import { CommandIDs } from '../tokens';
import { choices, type Choice } from './choices';

/** How long the menu waits for the health of the targets before it opens without. */
const PATIENCE_MS = 400;

/** The menu of targets: opens below (or beside) an anchor, with the keys of every menu of Lab. */
export class TargetMenu {
  constructor(
    private readonly _commands: CommandRegistry,
    private readonly _api: Pick<CloudMLApi, 'targets'>,
    private readonly _trans: TranslationBundle
  ) {}

  /**
   * Opens with what the server says now. A slow server is not waited for: the menu shows what was known before, and
   * is replaced in place when the answer comes while it is open. Resolves when that is settled.
   */
  async open(anchor: Element): Promise<void> {
    const place = { anchor, focus: document.activeElement };
    const answer = this._ask();
    const first = await Promise.race([answer, patience()]);
    if (first !== 'slow') {
      this._show(place, first.note);
      return;
    }
    const early = this._show(place, this._trans.__('Looking for targets…'));
    const { note } = await answer;
    if (!early.isDisposed && early.isAttached) {
      const { activeIndex } = early;
      early.dispose();
      this._show(place, note).activeIndex = activeIndex;
    }
  }

  private async _ask(): Promise<{ note: string }> {
    try {
      this._known = await this._api.targets();
      return { note: '' };
    } catch (error) {
      return { note: error instanceof Error ? error.message : String(error) };
    }
  }

  private _show({ anchor, focus }: Place, note: string): Menu {
    const menu = this._build(choices(this._known, this._trans), note);
    const { left, bottom } = anchor.getBoundingClientRect();
    anchor.setAttribute('aria-expanded', 'true');
    menu.aboutToClose.connect(() => {
      anchor.setAttribute('aria-expanded', 'false');
      if (focus instanceof HTMLElement && focus.isConnected) {
        focus.focus();
      }
      // it says goodbye before it runs the command of the chosen item
      setTimeout(() => menu.dispose());
    });
    menu.open(left, bottom);
    menu.activateNextItem();
    return menu;
  }

  private _build(lines: readonly Choice[], note: string): Menu {
    const menu = new Menu({ commands: this._commands });
    menu.addClass('jp-cloudml-TargetMenu');
    menu.contentNode.setAttribute('aria-label', this._trans.__('Run this cell on'));
    const [here, ...targets] = lines;
    menu.addItem({ command: CommandIDs.runOn, args: { ...here } });
    menu.addItem({ type: 'separator' });
    targets.forEach(line => menu.addItem({ command: CommandIDs.runOn, args: { ...line } }));
    if (note) {
      menu.addItem({ command: CommandIDs.runOn, args: { note } });
    }
    return menu;
  }

  /** The targets of the last answer. */
  private _known: readonly Target[] = [];
}

interface Place {
  anchor: Element;
  /** What had the focus, and gets it back. */
  focus: Element | null;
}

function patience(): Promise<'slow'> {
  return new Promise(resolve => setTimeout(() => resolve('slow'), PATIENCE_MS));
}
