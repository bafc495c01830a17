import type { ICommandPalette } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';

/** Puts commands into the palette's category CloudML; nothing where there is no palette. */
export function addToPalette(
  palette: ICommandPalette | null,
  trans: TranslationBundle,
  commands: readonly string[]
): void {
  const category = trans.__('CloudML');
  commands.forEach((command, rank) => palette?.addItem({ command, category, rank }));
}
