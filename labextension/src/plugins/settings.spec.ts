import type { ISettingRegistry } from '@jupyterlab/settingregistry';
import { Signal } from '@lumino/signaling';

import { PanelSettings } from '../model/settings';
import { follow } from './settings';

/** A registry with one plugin whose settings the test changes as the editor of settings does. */
function registryOf(first: Record<string, unknown>) {
  const loaded = { composite: first, changed: null as unknown };
  const changed = new Signal<object, void>(loaded);
  loaded.changed = changed;
  return {
    registry: { load: async () => loaded } as unknown as ISettingRegistry,
    change: (composite: Record<string, unknown>) => {
      loaded.composite = composite;
      changed.emit();
    }
  };
}

it('takes what the user has set, and every change at once', async () => {
  const settings = new PanelSettings();
  const said = jest.fn();
  settings.changed.connect(said);
  const { registry, change } = registryOf({ compact: true, runMetrics: ['loss'] });
  await follow(settings, registry, 'jupyter-cloudml:panel');
  expect([settings.isCompact, settings.runMetrics]).toEqual([true, ['loss']]);
  change({ compact: false, runMetrics: ['acc', 7, null] });
  expect([settings.isCompact, settings.runMetrics]).toEqual([false, ['acc']]);
  change({ compact: 'yes', runMetrics: 'loss' });
  expect([settings.isCompact, settings.runMetrics]).toEqual([false, []]);
  expect(said).toHaveBeenCalledTimes(3);
});

it('keeps the defaults where settings cannot be had', async () => {
  const warn = jest.spyOn(console, 'warn').mockImplementation(() => undefined);
  const settings = new PanelSettings();
  const broken = { load: () => Promise.reject(new Error('no schema')) };
  await follow(settings, broken, 'jupyter-cloudml:panel');
  await follow(settings, null, 'jupyter-cloudml:panel');
  expect(settings.isCompact).toBe(false);
  expect(warn).toHaveBeenCalledTimes(1);
});
