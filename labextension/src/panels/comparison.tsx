import { MainAreaWidget } from '@jupyterlab/apputils';
import type { ReactWidget } from '@jupyterlab/ui-components';
import * as React from 'react';

import type { Run } from '../api/types';
import { Compare } from '../components/compare';
import { Comparison } from '../model/comparison';
import { CommandIDs } from '../tokens';
import { cloudmlIcon } from './icon';
import type { Host } from './sidebar';
import { WatchedView } from './watched';

/** A page of the main area with these runs beside each other. */
export function comparisonPage(
  runs: readonly Run[],
  host: Host,
  sort = ''
): MainAreaWidget<ReactWidget> {
  const { api, stream, trans } = host.cloudml;
  const comparison = new Comparison(api, stream, runs, sort.replace(/^metrics\./, ''));
  const content = new WatchedView(comparison, () => (
    <Compare
      comparison={comparison}
      trans={trans}
      onOpen={run => void host.commands.execute(CommandIDs.openRun, { run_id: run.run_id })}
    />
  ));
  content.addClass('jp-cloudml-BesidePage');
  content.disposed.connect(() => comparison.dispose());
  const page = new MainAreaWidget({ content });
  page.id = `jp-cloudml-compare-${runs.map(run => run.run_id.slice(0, 6)).join('-')}`;
  page.title.label = trans._n('%1 run', 'Compare %1 runs', runs.length);
  page.title.icon = cloudmlIcon;
  page.title.closable = true;
  return page;
}
