import { refreshIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

import type { Run } from '../api/types';
import { Choice, Search } from '../components/jobfilter';
import { Failed, Loading, Nothing } from '../components/notice';
import { RunsNote } from '../components/runsnote';
import { RunTable } from '../components/runtable';
import { RunsModel } from '../model/runs';
import { CommandIDs } from '../tokens';
import { comparisonPage } from './comparison';
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
        <RunsNote isSyncing={runs.isSyncing} awaySince={runs.awaySince} trans={trans} />
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
