import type { ISettingRegistry } from '@jupyterlab/settingregistry';

import type { PanelSettings } from '../model/settings';

/** Keeps `settings` as the user has them, from now on; without a registry, or when it fails, the defaults hold. */
export async function follow(
  settings: PanelSettings,
  registry: Pick<ISettingRegistry, 'load'> | null,
  id: string
): Promise<void> {
  try {
    const loaded = await registry?.load(id);
    if (loaded) {
      const take = (): void => settings.take(loaded.composite);
      loaded.changed.connect(take);
      take();
    }
  } catch (error) {
    console.warn('CloudML: its settings could not be read', error);
  }
}
