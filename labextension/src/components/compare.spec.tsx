import { nullTranslator } from '@jupyterlab/translation';
import { render, screen, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import * as React from 'react';

import { beside, shown } from '../testing/beside';
import { run } from '../testing/rows';
import { Compare } from './compare';

const trans = nullTranslator.load('jupyter_cloudml');

const runs = [
  run({ run_id: 'aaaaa1', params: { lr: '0.1' }, metrics: { acc: 0.5, loss: 1 } }),
  run({ run_id: 'bbbbb2', params: { lr: '0.2' }, metrics: { acc: 0.6, loss: 2 } })
];

async function show(chosen = runs) {
  const { comparison } = beside(chosen, 'loss');
  await shown(comparison);
  const onOpen = jest.fn();
  render(<Compare comparison={comparison} trans={trans} onOpen={onOpen} />);
  return onOpen;
}

describe('the page of a comparison', () => {
  it('begins with the metric that the runs were sorted by', async () => {
    await show();
    expect(screen.getByRole('combobox', { name: 'Metric' })).toHaveValue('loss');
  });

  it('tells runs of one name apart, and opens them', async () => {
    const onOpen = await show();
    const params = screen.getByRole('table', { name: 'Parameters' });
    const heads = within(params).getAllByRole('columnheader');
    expect(heads.map(head => head.textContent)).toEqual(['train · aaaa', 'train · bbbb']);
    await userEvent.click(within(heads[1]).getByRole('button'));
    expect(onOpen).toHaveBeenCalledWith(runs[1]);
    expect(within(params).getByRole('row', { name: 'lr 0.1 0.2' })).toBeInTheDocument();
  });

  it('says how to log a metric when there is none', async () => {
    await show([run({ params: { lr: '0.1' } })]);
    expect(screen.getByText('cloudml.log(loss=loss)')).toBeInTheDocument();
  });
});
