import { nullTranslator } from '@jupyterlab/translation';
import { render, screen, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import * as React from 'react';

import type { Run } from '../api/types';
import { run } from '../testing/rows';
import { RunTable, type RunSource } from './runtable';

const trans = nullTranslator.load('jupyter_cloudml');

function show(rows: Run[], part: Partial<RunSource> = {}) {
  const runs: RunSource = {
    total: rows.length,
    columns: ['loss'],
    query: { sort: 'metrics.loss', order: 'asc' },
    chosen: [],
    at: index => rows[index],
    see: jest.fn(),
    ...part
  };
  const props = { onSort: jest.fn(), onChoose: jest.fn(), onOpen: jest.fn() };
  render(<RunTable runs={runs} trans={trans} {...props} />);
  return props;
}

describe('the table of runs', () => {
  it('says by which column it is sorted, and sorts by another', async () => {
    const { onSort } = show([run({ metrics: { loss: 0.25 } })]);
    const table = screen.getByRole('table', { name: 'Runs' });
    const head = within(table).getByRole('columnheader', { name: 'loss' });
    expect(head).toHaveAttribute('aria-sort', 'ascending');
    await userEvent.click(screen.getByRole('button', { name: 'Started' }));
    expect(onSort).toHaveBeenCalledWith('start_time');
    expect(within(table).getByRole('cell', { name: '0.25' })).toBeInTheDocument();
  });

  it('chooses runs with native boxes that have names', async () => {
    const first = run({ name: 'one' });
    const { onChoose } = show([first, run({ run_id: 'r2', name: 'two' })], { chosen: [first] });
    expect(screen.getByRole('checkbox', { name: 'Choose one' })).toBeChecked();
    await userEvent.click(screen.getByRole('checkbox', { name: 'Choose two' }));
    expect(onChoose).toHaveBeenCalledWith(expect.objectContaining({ run_id: 'r2' }), true);
  });

  it('draws a few of 10,000 rows and keeps the height of all', () => {
    const many = Array.from({ length: 10_000 }, (_, i) => run({ run_id: `r${i}` }));
    show(many);
    expect(screen.getAllByRole('checkbox').length).toBeLessThan(60);
    expect(screen.getByRole('table')).toHaveAttribute('aria-rowcount', '10001');
  });

  it('shows what is no number as the server says it', () => {
    show([run({ metrics: { loss: 'nan' } })]);
    expect(screen.getByRole('cell', { name: 'nan' })).toBeInTheDocument();
  });
});
