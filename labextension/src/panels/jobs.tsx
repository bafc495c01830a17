import { refreshIcon } from '@jupyterlab/ui-components';
import { Clipboard } from '@jupyterlab/apputils';
import { CommandRegistry } from '@lumino/commands';
import { Menu } from '@lumino/widgets';
import * as React from 'react';

import { isFinal, type JobRow } from '../api/types';
import { JobFilter } from '../components/jobfilter';
import { JobList, type JobAction } from '../components/joblist';
import { Failed, Loading, Nothing } from '../components/notice';
import { NO_FILTER } from '../model/jobs';
import { CommandIDs } from '../tokens';
import { Section } from './section';
import type { Host } from './sidebar';

const EXAMPLE = '%%cloudtrain\nmodel.fit(X, y)';

const COMMANDS: Record<JobAction, string> = {
  cancel: CommandIDs.cancelJob,
  retry: CommandIDs.retryJob,
  pull: CommandIDs.pullJob
};

/** All jobs, newest first. */
export function jobsSection(host: Host): Section {
  const { cloudml, commands, settings } = host;
  const { jobs, trans } = cloudml;
  const act = (row: JobRow, action: JobAction): void =>
    void commands.execute(COMMANDS[action], { id: row.id });
  const open = (row: JobRow): void => void commands.execute(CommandIDs.openJob, { id: row.id });
  const clear = (): void => jobs.setFilter(NO_FILTER);
  const isFiltered = (): boolean =>
    jobs.filter.states.length > 0 ||
    !!(jobs.filter.notebook || jobs.filter.experiment || jobs.filter.text);

  const list = (): React.JSX.Element => {
    if (jobs.phase === 'error') {
      return <Failed error={jobs.error} trans={trans} onRetry={() => void jobs.refresh()} />;
    }
    if (jobs.phase !== 'ready') {
      return <Loading trans={trans} />;
    }
    if (jobs.total === 0 && isFiltered()) {
      const action = { label: trans.__('Show all jobs'), onClick: clear };
      return <Nothing title={trans.__('No job fits')} action={action} />;
    }
    if (jobs.total === 0) {
      return (
        <Nothing
          title={trans.__('No jobs yet')}
          hint={trans.__('Put this line on top of a cell and run it:')}
          code={EXAMPLE}
          action={
            commands.hasCommand(CommandIDs.openQuickstart)
              ? {
                  label: trans.__('Open the quickstart'),
                  onClick: () => void commands.execute(CommandIDs.openQuickstart)
                }
              : undefined
          }
        />
      );
    }
    return (
      <JobList
        jobs={jobs}
        trans={trans}
        isCompact={settings.isCompact}
        onOpen={open}
        onAction={act}
        onMenu={(row, x, y) => menuOf(row, host).open(x, y)}
      />
    );
  };

  const section = new Section({
    id: 'jp-cloudml-jobs',
    title: trans.__('Jobs'),
    model: jobs,
    view: () => (
      <div className="jp-cloudml-Jobs">
        {(jobs.total > 0 || isFiltered()) && (
          <JobFilter
            filter={jobs.filter}
            counts={jobs.counts}
            notebooks={jobs.notebooks}
            experiments={jobs.experiments}
            trans={trans}
            onFilter={part => jobs.setFilter(part)}
          />
        )}
        {list()}
      </div>
    )
  });
  section.addTool('refresh', refreshIcon, trans.__('Refresh'), () => void jobs.refresh());
  settings.changed.connect(() => section.redraw());
  return section;
}

/** Everything that can be done with a job; what cannot be done now is shown, but off. */
function menuOf(row: JobRow, { cloudml, commands }: Host): Menu {
  const { trans } = cloudml;
  const own = new CommandRegistry();
  const menu = new Menu({ commands: own });
  const add = (id: string, label: string, args: Record<string, string>, isEnabled = true): void => {
    if (commands.hasCommand(id)) {
      own.addCommand(id, {
        label,
        isEnabled: () => isEnabled,
        execute: () => commands.execute(id, args)
      });
      menu.addItem({ command: id });
    }
  };
  const { id, notebook, cell_id, run_id } = row;
  const isOver = isFinal(row.state);
  add(CommandIDs.openJob, trans.__('Open Job Page'), { id });
  const place = cell_id ? trans.__('Show Cell') : trans.__('Open Notebook');
  add(CommandIDs.openCell, place, { notebook, cell_id }, !!notebook);
  add(CommandIDs.openRun, trans.__('Open Run in MLflow'), { run_id }, !!run_id);
  menu.addItem({ type: 'separator' });
  add(CommandIDs.pullJob, trans.__('Pull Results into the Notebook'), { id }, isOver);
  add(CommandIDs.retryJob, trans.__('Run Again'), { id }, isOver);
  add(CommandIDs.cancelJob, trans.__('Cancel'), { id }, !isOver);
  own.addCommand('copy', {
    label: trans.__('Copy Job Id'),
    execute: () => Clipboard.copyToSystem(id)
  });
  menu.addItem({ type: 'separator' });
  menu.addItem({ command: 'copy' });
  menu.aboutToClose.connect(() => requestAnimationFrame(() => menu.dispose()));
  return menu;
}
