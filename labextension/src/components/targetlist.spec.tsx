import { nullTranslator } from '@jupyterlab/translation';
import { render, screen } from '@testing-library/react';
import * as React from 'react';

import { target } from '../testing/rows';
import { TargetList } from './targetlist';

const trans = nullTranslator.load('jupyter_cloudml');

describe('the list of targets', () => {
  it('tells what is free in words and what is busy as a meter', () => {
    render(<TargetList targets={[target({ gpus: { total: 4, free: 1 } })]} trans={trans} />);
    const gpus = screen.getByRole('meter', { name: 'GPUs' });
    expect(gpus).toHaveAttribute('aria-valuenow', '3');
    expect(gpus).toHaveAttribute('aria-valuetext', '1 of 4 free');
    expect(screen.getByRole('meter', { name: 'Memory' })).toHaveAttribute(
      'aria-valuetext',
      '8 of 16 GiB free'
    );
    expect(screen.getByText('1 running')).toBeInTheDocument();
  });

  it('shows no meter of what a target has not', () => {
    render(<TargetList targets={[target()]} trans={trans} />);
    expect(screen.queryByRole('meter', { name: 'GPUs' })).toBeNull();
  });

  it('says what is wrong with a target, and no figures that nobody knows', () => {
    const down = target({ health: 'down', message: 'gpu-box does not answer', running: 0 });
    render(<TargetList targets={[down]} trans={trans} />);
    expect(screen.getByRole('img', { name: 'cannot be reached' })).toBeInTheDocument();
    expect(screen.getByText('gpu-box does not answer')).toBeInTheDocument();
    expect(screen.queryAllByRole('meter')).toEqual([]);
  });
});
