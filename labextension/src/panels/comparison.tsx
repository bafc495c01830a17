import { MainAreaWidget } from '@jupyterlab/apputils';
import { ReactWidget, UseSignal } from '@jupyterlab/ui-components';
import type { Message } from '@lumino/messaging';
import * as React from 'react';

import type { Run } from '../api/types';
import { Compare } from '../components/compare';
import { Comparison } from '../model/comparison';
import { CommandIDs } from '../tokens';
import { cloudmlIcon } from './icon';
import type { Host } from './sidebar';

/** A page of the main area with these runs beside each other. */
export function comparisonPage(
  runs: readonly Run[],
  host: Host,
  sort = ''
): MainAreaWidget<ReactWidget> {
  const { api, stream, trans } = host.cloudml;
  const comparison = new Comparison(api, stream, runs, sort.replace(/^metrics\./, ''));
  const page = new MainAreaWidget({ content: new View(comparison, host) });
  page.id = `jp-cloudml-compare-${runs.map(run => run.run_id.slice(0, 6)).join('-')}`;
  page.title.label = trans._n('%1 run', 'Compare %1 runs', runs.length);
  page.title.icon = cloudmlIcon;
  page.title.closable = true;
  return page;
}

class View extends ReactWidget {
  constructor(
    private readonly _comparison: Comparison,
    private readonly _host: Host
  ) {
    super();
    this.addClass('jp-cloudml-BesidePage');
    document.addEventListener('visibilitychange', this._look);
  }

  override dispose(): void {
    document.removeEventListener('visibilitychange', this._look);
    this._comparison.dispose();
    super.dispose();
  }

  protected override render(): React.JSX.Element {
    const { cloudml, commands } = this._host;
    return (
      <UseSignal signal={this._comparison.changed}>
        {() => (
          <Compare
            comparison={this._comparison}
            trans={cloudml.trans}
            onOpen={run => void commands.execute(CommandIDs.openRun, { run_id: run.run_id })}
          />
        )}
      </UseSignal>
    );
  }

  protected override onAfterShow(msg: Message): void {
    super.onAfterShow(msg);
    this._look();
  }

  protected override onAfterHide(msg: Message): void {
    super.onAfterHide(msg);
    this._look();
  }

  protected override onAfterAttach(msg: Message): void {
    super.onAfterAttach(msg);
    this._look();
  }

  private readonly _look = (): void => {
    this._comparison.setVisible(this.isVisible && !document.hidden);
  };
}
