import { nullTranslator } from '@jupyterlab/translation';
import { render, screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import * as React from 'react';

import { NO_FILTER } from '../model/jobs';
import { JobFilter } from './jobfilter';

const trans = nullTranslator.load('jupyter_cloudml');

function show(filter = NO_FILTER) {
  const onFilter = jest.fn();
  render(
    <JobFilter
      filter={filter}
      counts={{ RUNNING: 2, QUEUED: 1, SUCCEEDED: 7, FAILED: 1, LOST: 1 }}
      notebooks={['/work/a/digits.ipynb']}
      experiments={['churn']}
      trans={trans}
      onFilter={onFilter}
    />
  );
  return onFilter;
}

describe('the filter of jobs', () => {
  it('counts states that belong together, and says so in words', async () => {
    const onFilter = show();
    expect(screen.getByRole('button', { name: 'Active: 3' })).toHaveAttribute(
      'aria-pressed',
      'false'
    );
    await userEvent.click(screen.getByRole('button', { name: 'Failed: 2' }));
    expect(onFilter).toHaveBeenCalledWith({ states: ['FAILED', 'LOST'] });
  });

  it('shows all again when the chosen state is chosen again', async () => {
    const onFilter = show({ ...NO_FILTER, states: ['SUCCEEDED'] });
    const done = screen.getByRole('button', { name: 'Done: 7' });
    expect(done).toHaveAttribute('aria-pressed', 'true');
    await userEvent.click(done);
    expect(onFilter).toHaveBeenCalledWith({ states: [] });
  });

  it('searches when the typing pauses', async () => {
    jest.useFakeTimers();
    const user = userEvent.setup({ advanceTimers: jest.advanceTimersByTime });
    const onFilter = show();
    await user.type(screen.getByRole('searchbox', { name: 'Search jobs' }), 'resnet');
    jest.runAllTimers();
    expect(onFilter.mock.calls).toEqual([[{ text: 'resnet' }]]);
    jest.useRealTimers();
  });

  it('names notebooks by their file name', async () => {
    const onFilter = show();
    await userEvent.selectOptions(
      screen.getByRole('combobox', { name: 'Notebook' }),
      'digits.ipynb'
    );
    expect(onFilter).toHaveBeenCalledWith({ notebook: '/work/a/digits.ipynb' });
  });
});
