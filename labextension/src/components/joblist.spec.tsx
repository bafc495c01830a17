import { nullTranslator } from '@jupyterlab/translation';
import { render, screen, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import * as React from 'react';

import type { JobRow } from '../api/types';
import { jobRow } from '../testing/rows';
import { JobList, type JobListProps, type JobSource } from './joblist';

const trans = nullTranslator.load('jupyter_cloudml');

function source(rows: (JobRow | undefined)[]): JobSource & { seen: [number, number][] } {
  const seen: [number, number][] = [];
  return {
    seen,
    total: rows.length,
    active: 0,
    at: index => rows[index],
    see: (first, last) => void seen.push([first, last]),
    progress: id => (id === 'half' ? 0.5 : null),
    elapsed: row => row.elapsed_s
  };
}

function show(jobs: JobSource, part: Partial<JobListProps> = {}) {
  const props = { onOpen: jest.fn(), onAction: jest.fn(), onMenu: jest.fn(), ...part };
  render(<JobList jobs={jobs} trans={trans} isCompact={false} {...props} />);
  return props;
}

const ids = (n: number) =>
  Array.from({ length: n }, (_, i) => jobRow({ id: `j${i}`, name: `job ${i}` }));

describe('the list of jobs on screen', () => {
  it('is a grid whose rows say name, state, place and time', () => {
    show(source([jobRow({ name: 'fit', state: 'RUNNING', id: 'half', elapsed_s: 62 })]));
    const row = within(screen.getByRole('grid', { name: 'Jobs' })).getByRole('row');
    expect(within(row).getByRole('img', { name: 'running' })).toBeInTheDocument();
    expect(row).toHaveTextContent('fit50 %1:02local · digits.ipynb');
  });

  it('says why a job failed or waits', () => {
    show(
      source([
        jobRow({ id: 'a', state: 'FAILED', error: 'ValueError: no' }),
        jobRow({ id: 'b', state: 'QUEUED', reason: 'gpu 0 held by 7f3a', elapsed_s: null })
      ])
    );
    expect(screen.getByText('ValueError: no')).toBeInTheDocument();
    expect(screen.getByText('gpu 0 held by 7f3a')).toBeInTheDocument();
  });

  it('draws a few of 10,000 rows and asks for those it draws', () => {
    const jobs = source(ids(10_000));
    show(jobs);
    expect(screen.getAllByRole('row').length).toBeLessThan(60);
    expect(screen.getByRole('grid')).toHaveAttribute('aria-rowcount', '10000');
    expect(jobs.seen.at(-1)?.[0]).toBe(0);
  });

  it('keeps the place of rows that are still on their way', () => {
    show(source([jobRow(), undefined]));
    expect(screen.getAllByRole('row')).toHaveLength(2);
    expect(screen.getByLabelText('Loading…')).toBeInTheDocument();
  });

  it('is one stop of the Tab key, walked with arrows and opened with Enter', async () => {
    const { onOpen } = show(source(ids(5)));
    const user = userEvent.setup();
    await user.tab();
    const grid = screen.getByRole('grid');
    expect(grid).toHaveFocus();
    await user.keyboard('{ArrowDown}{ArrowDown}{ArrowUp}');
    const active = document.getElementById(grid.getAttribute('aria-activedescendant') ?? '');
    expect(active).toHaveAttribute('aria-rowindex', '2');
    expect(active).toHaveAttribute('aria-selected', 'true');
    await user.keyboard('{Enter}');
    expect(onOpen).toHaveBeenCalledWith(expect.objectContaining({ id: 'j1' }));
    await user.keyboard('{End}{Enter}');
    expect(onOpen).toHaveBeenLastCalledWith(expect.objectContaining({ id: 'j4' }));
  });

  it('has the menu of a job on Shift+F10, as on the right button', async () => {
    const { onMenu } = show(source(ids(2)));
    const user = userEvent.setup();
    await user.tab();
    await user.keyboard('{Shift>}{F10}{/Shift}');
    expect(onMenu).toHaveBeenCalledWith(expect.objectContaining({ id: 'j0' }), 24, 0);
    await user.pointer({ keys: '[MouseRight]', target: screen.getByText('job 1') });
    expect(onMenu).toHaveBeenLastCalledWith(expect.objectContaining({ id: 'j1' }), 0, 0);
  });

  it('leads the Tab key from the grid to the buttons of the current row only', async () => {
    show(source(ids(3)));
    const user = userEvent.setup();
    await user.tab();
    await user.keyboard('{ArrowDown}');
    const focused: (string | null)[] = [];
    for (let i = 0; i < 3; i++) {
      await user.tab();
      focused.push(document.activeElement?.getAttribute('aria-label') ?? null);
    }
    expect(focused).toEqual(['Pull the results into the notebook', 'Run again', 'More actions']);
    const row = document.activeElement?.closest('[role=row]');
    expect(row).toHaveAttribute('aria-rowindex', '2');
    await user.tab();
    expect(document.body).toHaveFocus();
  });

  it('offers to cancel what runs, and does not open the job by that', async () => {
    const { onAction, onOpen } = show(source([jobRow({ state: 'RUNNING' })]));
    await userEvent.click(screen.getByRole('button', { name: 'Cancel' }));
    expect(onAction).toHaveBeenCalledWith(expect.objectContaining({ state: 'RUNNING' }), 'cancel');
    expect(onOpen).not.toHaveBeenCalled();
    expect(screen.queryByRole('button', { name: 'Run again' })).toBeNull();
  });

  it('has one line for each job when it is compact', () => {
    render(
      <JobList
        jobs={source(ids(1))}
        trans={trans}
        isCompact
        onOpen={jest.fn()}
        onAction={jest.fn()}
        onMenu={jest.fn()}
      />
    );
    expect(screen.queryByText('local · digits.ipynb')).toBeNull();
  });
});
