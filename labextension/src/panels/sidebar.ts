import type { MainAreaWidget } from '@jupyterlab/apputils';
import type { ITranslator } from '@jupyterlab/translation';
import { SidePanel } from '@jupyterlab/ui-components';
import type { CommandRegistry } from '@lumino/commands';

import type { PanelSettings } from '../model/settings';
import type { ICloudML } from '../tokens';
import { dataSection } from './data';
import { jobsSection } from './jobs';
import { runsSection } from './runs';
import type { Section } from './section';
import { targetsSection } from './targets';

/** What sections need of the application. */
export interface Host {
  readonly cloudml: ICloudML;
  readonly commands: CommandRegistry;
  readonly settings: PanelSettings;
  addToMain(page: MainAreaWidget): void;
}

/** The sections from top to bottom with their share of the height. What has no content yet is not here. */
const SECTIONS: readonly { create: (host: Host) => Section; share: number }[] = [
  { create: jobsSection, share: 0.4 },
  { create: runsSection, share: 0.22 },
  { create: dataSection, share: 0.22 },
  { create: targetsSection, share: 0.16 }
];

/** The panel of the left side bar, with its sections. */
export function sidebar(host: Host, translator: ITranslator): SidePanel {
  const panel = new SidePanel({ translator });
  panel.addClass('jp-cloudml-Panel');
  for (const { create } of SECTIONS) {
    panel.addWidget(create(host));
  }
  const { content } = panel;
  if ('setRelativeSizes' in content) {
    (content as unknown as { setRelativeSizes(sizes: number[]): void }).setRelativeSizes(
      SECTIONS.map(({ share }) => share)
    );
  }
  return panel;
}
