import {
  ILayoutRestorer,
  type JupyterFrontEnd,
  type JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ICommandPalette, type MainAreaWidget } from '@jupyterlab/apputils';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import type { Message } from '@lumino/messaging';
import { Panel, type Widget } from '@lumino/widgets';

import { PanelSettings } from '../model/settings';
import { cloudmlIcon } from '../panels/icon';
import { CommandIDs, ICloudML } from '../tokens';
import { addToMain } from './place';
import { follow } from './settings';

const ID = 'jupyter-cloudml:panel';

/** The panel in the left side bar. Its code is loaded, and the server asked, when it is first seen. */
export const panel: JupyterFrontEndPlugin<void> = {
  id: ID,
  description: 'The side panel with jobs, runs and targets.',
  autoStart: true,
  requires: [ICloudML],
  optional: [ISettingRegistry, ITranslator, ILayoutRestorer, ICommandPalette],
  activate: (
    app: JupyterFrontEnd,
    cloudml: ICloudML,
    registry: ISettingRegistry | null,
    translator: ITranslator | null,
    restorer: ILayoutRestorer | null,
    palette: ICommandPalette | null
  ): void => {
    const { trans } = cloudml;
    const settings = new PanelSettings();
    const shell = new LazyPanel(async () => {
      const { sidebar } = await import('../panels/sidebar');
      const host = {
        cloudml,
        commands: app.commands,
        settings,
        addToMain: (page: MainAreaWidget) => {
          const isOpen = [...app.shell.widgets('main')].some(other => other.id === page.id);
          if (isOpen) {
            page.dispose();
          } else {
            addToMain(app.shell, page);
          }
          app.shell.activateById(page.id);
        }
      };
      return sidebar(host, translator ?? nullTranslator);
    });
    shell.id = 'jp-cloudml-panel';
    shell.title.icon = cloudmlIcon;
    shell.title.caption = trans.__('CloudML: jobs, runs and targets');
    shell.node.setAttribute('role', 'region');
    shell.node.setAttribute('aria-label', trans.__('CloudML'));
    app.shell.add(shell, 'left', { rank: 450, type: 'CloudML' });
    restorer?.add(shell, shell.id);

    app.commands.addCommand(CommandIDs.showPanel, {
      label: trans.__('CloudML Panel'),
      caption: trans.__('Show jobs, runs and targets'),
      describedBy: { args: { type: 'object', properties: {} } },
      execute: () => app.shell.activateById(shell.id)
    });
    palette?.addItem({ command: CommandIDs.showPanel, category: trans.__('CloudML') });
    void follow(settings, registry, ID);
  }
};

/** Gets its content when it is first seen. */
class LazyPanel extends Panel {
  constructor(private readonly _load: () => Promise<Widget>) {
    super();
    this.addClass('jp-cloudml-Shell');
  }

  protected override onAfterShow(msg: Message): void {
    super.onAfterShow(msg);
    this._fill();
  }

  protected override onAfterAttach(msg: Message): void {
    super.onAfterAttach(msg);
    if (this.isVisible) {
      this._fill();
    }
  }

  private _fill(): void {
    this._content ??= this._load().then(
      content => this.addWidget(content),
      (error: unknown) => {
        this._content = null;
        console.error('CloudML: the panel could not be loaded', error);
      }
    );
  }

  private _content: Promise<void> | null = null;
}
