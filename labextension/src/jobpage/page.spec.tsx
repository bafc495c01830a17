import { nullTranslator } from '@jupyterlab/translation';
import { RenderMimeRegistry } from '@jupyterlab/rendermime';
import { Signal } from '@lumino/signaling';
import { act, fireEvent, render, screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import * as React from 'react';

import type { IJobStream } from '../api/stream';
import type { JobChanges, JobSnapshot } from '../api/types';
import { jobSnapshot } from '../testing/snapshots';
import { PageModel, type PageApi } from './model';
import { Page } from './page';

const trans = nullTranslator.load('jupyter_cloudml');
const rendermime = new RenderMimeRegistry();
const stream = {} as IJobStream;

let model: PageModel;

async function show(part: Partial<JobSnapshot> = {}) {
  const snapshot = jobSnapshot({ state: 'SUCCEEDED', ...part });
  const series = { points: [[0, 1, 0] as [number, number, number]], last: 1 };
  const api: Partial<PageApi> = {
    job: async () => snapshot,
    outputs: async () => ({ outputs: [], next: 0, final: true }),
    metrics: async () => new Map([['constructor', series]]),
    listJobs: async () => ({ jobs: [], total: 0, counts: {}, seq: 0 })
  };
  const signals = {
    changed: new Signal<IJobStream, JobChanges>(stream),
    reconnected: new Signal<IJobStream, void>(stream)
  };
  model = new PageModel(api as PageApi, signals, snapshot.id);
  const onOpenCell = jest.fn();
  render(
    <Page
      model={model}
      rendermime={rendermime}
      trans={trans}
      highlight={null}
      onOpenRun={null}
      onOpenCell={onOpenCell}
    />
  );
  await act(async () => {
    model.job.isWatched = true;
  });
  await screen.findByRole('heading');
  return onOpenCell;
}

beforeAll(() => {
  globalThis.ResizeObserver ??= class {
    observe(): void {}
    unobserve(): void {}
    disconnect(): void {}
  };
});

afterEach(() => model.dispose());

it('opens the notebook of a job that was a whole notebook, and the cell of one that was a cell', async () => {
  const opened = await show({ notebook: 'a.ipynb', cell_id: '' });
  await userEvent.click(screen.getByRole('button', { name: 'Open notebook' }));
  expect(opened).toHaveBeenCalledWith('a.ipynb', '');
  expect(screen.queryByRole('button', { name: 'Show the cell' })).toBeNull();
});

it('shows the cell of a job that was one, and offers neither where there is no notebook', async () => {
  const opened = await show({ notebook: 'a.ipynb', cell_id: 'c7' });
  await userEvent.click(screen.getByRole('button', { name: 'Show the cell' }));
  expect(opened).toHaveBeenCalledWith('a.ipynb', 'c7');
  model.dispose();
  document.body.replaceChildren();
  await show({ notebook: '' });
  expect(screen.queryByRole('button', { name: /notebook|cell/ })).toBeNull();
});

it('keeps how curves are drawn while another tab is looked at', async () => {
  await show();
  await userEvent.click(screen.getByRole('tab', { name: 'Metrics' }));
  fireEvent.change(await screen.findByRole('slider', { name: /Smoothing/ }), {
    target: { value: '0.5' }
  });
  await userEvent.click(screen.getByRole('checkbox', { name: 'Log scale' }));
  await userEvent.selectOptions(screen.getByRole('combobox', { name: 'Along' }), 'time');
  await userEvent.click(screen.getByRole('tab', { name: 'Output' }));
  await userEvent.click(screen.getByRole('tab', { name: 'Metrics' }));
  expect(screen.getByRole('slider', { name: /Smoothing/ })).toHaveValue('0.5');
  expect(screen.getByRole('checkbox', { name: 'Log scale' })).toBeChecked();
  expect(screen.getByRole('combobox', { name: 'Along' })).toHaveValue('time');
  expect(screen.getByRole('application', { name: 'Chart of constructor' })).toBeInTheDocument();
});
