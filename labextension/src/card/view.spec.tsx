import { nullTranslator } from '@jupyterlab/translation';
import { render, screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import * as React from 'react';

import { jobSnapshot } from '../testing/snapshots';
import { CardView } from './view';

const trans = nullTranslator.load('jupyter_cloudml');

const card = (part: Partial<React.ComponentProps<typeof CardView>> = {}): React.JSX.Element => (
  <CardView
    snapshot={jobSnapshot()}
    samples={[]}
    elapsedS={() => 10}
    isTicking={false}
    warning=""
    answer=""
    actions={[]}
    onOpen={null}
    trans={trans}
    {...part}
  />
);

it('is a region with the name of the job, and announces its state', () => {
  render(card());
  expect(screen.getByRole('region', { name: 'Job train' })).toBeInTheDocument();
  expect(screen.getAllByRole('status')[0]).toHaveTextContent('running');
  expect(screen.getByText('10.0 s')).toBeInTheDocument();
});

it('shows progress with what is left, curves and resources by name', () => {
  const bar = {
    id: 'b',
    n: 5,
    total: 20,
    desc: 'epochs',
    done: false,
    rate: 1,
    eta_s: 15,
    started_at: 0,
    updated_at: 5
  };
  const loss = {
    last: 0.5,
    step: 2,
    count: 2,
    min: 0.5,
    max: 1,
    points: [
      [1, 1],
      [2, 0.5]
    ] as [number, number][]
  };
  const resources = {
    cpu: 87,
    rss: 1024 ** 3,
    gpus: [{ i: 0, util: 40, mem: 1024, mem_total: 2048, watts: 61 }]
  };
  render(card({ snapshot: jobSnapshot({ progress: [bar], metrics: { loss }, resources }) }));
  expect(screen.getByRole('progressbar', { name: 'epochs' })).toHaveAttribute(
    'aria-valuenow',
    '25'
  );
  expect(screen.getByText('epochs · 5/20 · 25% · 15.0 s left')).toBeInTheDocument();
  expect(screen.getByRole('img', { name: 'loss: 0.5 at step 2' })).toBeInTheDocument();
  expect(screen.getByText('40%, 1.0 KiB of 2.0 KiB, 61 W')).toBeInTheDocument();
});

it('shows the error of a job that failed', () => {
  const error = { type: 'KeyError', message: "'x'" };
  render(card({ snapshot: jobSnapshot({ state: 'FAILED', error }) }));
  expect(screen.getByText("KeyError: 'x'")).toBeInTheDocument();
});

it('says why an action could not be done', async () => {
  const run = (): Promise<void> => Promise.reject(new Error('you may not'));
  render(card({ actions: [{ id: 'cancel', label: 'Cancel', run }] }));
  await userEvent.click(screen.getByRole('button', { name: 'Cancel' }));
  expect(await screen.findByText('you may not')).toHaveAttribute('role', 'status');
  expect(screen.getByRole('button', { name: 'Cancel' })).toBeEnabled();
});
