import { LOOKS } from './series';

/** The class that gives the curve with this index its colour and dash (`style/charts.css`). */
export function look(index: number): string {
  return `jp-mod-look${index % LOOKS}`;
}
