import { MainAreaWidget } from '@jupyterlab/apputils';
import { ReactWidget, UseSignal, refreshIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

import type { Run } from '../api/types';
import { Compare } from '../components/compare';
import { Choice, Search } from '../components/jobfilter';
import { Failed, Loading, Nothing } from '../components/notice';
import { RunTable } from '../components/runtable';
import { Comparison } from '../model/comparison';
import { RunsModel } from '../model/runs';
import { CommandIDs } from '../tokens';
import { cloudmlIcon } from './icon';
import { Section } from './section';
import type { Host } from './sidebar';

/** The runs of MLflow, sorted by any metric. */
export function runsSection(host: Host): Section {
  const { cloudml, commands, settings } = host;
  const { trans } = cloudml;
  const runs = new RunsModel(cloudml.api, cloudml.stream);
  const open = (run: Run): void =>
    void commands.execute(CommandIDs.openRun, { run_id: run.run_id });

  const list = (): React.JSX.Element => {
    if (runs.phase === 'error') {
      return <Failed error={runs.error} trans={trans} onRetry={() => void runs.refresh()} />;
    }
    if (runs.phase !== 'ready') {
      return <Loading trans={trans} />;
    }
    if (runs.total === 0) {
      return runs.query.text ? (
        <Nothing title={trans.__('No run fits')} />
      ) : (
        <Nothing
          title={trans.__('No runs yet')}
          hint={trans.__('Every job is an MLflow run. Log a metric in its cell:')}
          code={'%%cloudtrain\nfor step in range(100):\n    cloudml.log(loss=train(step))'}
        />
      );
    }
    return (
      <RunTable
        runs={runs}
        trans={trans}
        onSort={by => runs.sortBy(by)}
        onChoose={(run, isChosen) => runs.choose(run, isChosen)}
        onOpen={open}
      />
    );
  };

  const section = new Section({
    id: 'jp-cloudml-runs',
    title: trans.__('Runs'),
    model: runs,
    view: () => (
      <div className="jp-cloudml-Runs">
        {runs.experiments.length > 0 && (
          <div className="jp-cloudml-Filter" role="search" aria-label={trans.__('Filter runs')}>
            <div className="jp-cloudml-Filter-line">
              <Choice
                label={trans.__('Experiment')}
                all={trans.__('All experiments')}
                value={runs.query.experiment ?? ''}
                options={runs.experiments.map(experiment => experiment.name)}
                onChange={experiment => runs.setQuery({ experiment })}
              />
              <Search
                value={runs.query.text ?? ''}
                label={trans.__('Search runs')}
                onChange={text => runs.setQuery({ text })}
              />
            </div>
          </div>
        )}
        {list()}
        {runs.chosen.length > 0 && (
          <div className="jp-cloudml-Runs-chosen">
            <span role="status">{trans.__('%1 chosen', runs.chosen.length)}</span>
            <button type="button" className="jp-cloudml-Link" onClick={() => runs.clearChosen()}>
              {trans.__('Clear')}
            </button>
            <button
              type="button"
              className="jp-mod-styled jp-mod-accept"
              onClick={() => host.addToMain(comparisonPage(runs.chosen, host, runs.query.sort))}
            >
              {trans.__('Compare')}
            </button>
          </div>
        )}
      </div>
    )
  });
  section.addTool('refresh', refreshIcon, trans.__('Refresh'), () => void runs.refresh());
  section.disposed.connect(() => runs.dispose());
  const pin = (): void => runs.setPinned(settings.runMetrics);
  settings.changed.connect(pin);
  pin();
  return section;
}

/** A page of the main area with these runs beside each other. */
export function comparisonPage(
  runs: readonly Run[],
  host: Host,
  sort = ''
): MainAreaWidget<ReactWidget> {
  const { cloudml, commands } = host;
  const { trans } = cloudml;
  const comparison = new Comparison(cloudml.api, runs, sort.replace(/^metrics\./, ''));
  const content = ReactWidget.create(
    <UseSignal signal={comparison.changed}>
      {() => (
        <Compare
          comparison={comparison}
          trans={trans}
          onOpen={run => void commands.execute(CommandIDs.openRun, { run_id: run.run_id })}
        />
      )}
    </UseSignal>
  );
  content.addClass('jp-cloudml-BesidePage');
  content.disposed.connect(() => comparison.dispose());
  const page = new MainAreaWidget({ content });
  page.id = `jp-cloudml-compare-${runs.map(run => run.run_id.slice(0, 6)).join('-')}`;
  page.title.label = trans._n('%1 run', 'Compare %1 runs', runs.length);
  page.title.icon = cloudmlIcon;
  page.title.closable = true;
  return page;
}
