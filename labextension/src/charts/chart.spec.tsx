import { nullTranslator } from '@jupyterlab/translation';
import { render, screen, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import * as React from 'react';

import { Chart } from './chart';
import type { Curve } from './series';

const trans = nullTranslator.load('jupyter_cloudml');
const CURVES: Curve[] = [
  {
    id: 'a',
    label: 'train',
    points: [
      [0, 1],
      [1, 0.5],
      [2, 0.25]
    ]
  },
  {
    id: 'b',
    label: 'test',
    points: [
      [0, 2],
      [2, 1]
    ]
  }
];

const chart = (part: Partial<React.ComponentProps<typeof Chart>> = {}): React.JSX.Element => (
  <Chart title="loss" curves={CURVES} trans={trans} {...part} />
);

it('has a name, and says how its keys work', () => {
  render(chart());
  expect(screen.getByRole('figure', { name: 'loss' })).toBeInTheDocument();
  expect(screen.getByRole('application', { name: 'Chart of loss' })).toHaveAccessibleDescription(
    /Arrow keys/
  );
});

it('reads values aloud as the arrow keys move the cursor', async () => {
  render(chart());
  await userEvent.tab();
  await userEvent.tab();
  expect(screen.getByRole('application')).toHaveFocus();
  await userEvent.keyboard('{ArrowRight}{ArrowRight}');
  expect(screen.getByRole('status')).toHaveTextContent('step 1, train 0.5, test 1');
  await userEvent.keyboard('{End}');
  expect(screen.getByRole('status')).toHaveTextContent('step 2, train 0.25, test 1');
  await userEvent.keyboard('{Escape}');
  expect(screen.getByRole('status')).toBeEmptyDOMElement();
});

it('zooms by key, and back by a button', async () => {
  render(chart());
  screen.getByRole('application').focus();
  await userEvent.keyboard('+');
  await userEvent.click(screen.getByRole('button', { name: 'Reset zoom' }));
  expect(screen.queryByRole('button', { name: 'Reset zoom' })).toBeNull();
});

it('shows the same numbers as a table', async () => {
  render(chart());
  await userEvent.click(screen.getByRole('button', { name: 'Table' }));
  const table = screen.getByRole('table', { name: 'loss' });
  expect(
    within(table)
      .getAllByRole('columnheader')
      .map(cell => cell.textContent)
  ).toEqual(['At', 'train', 'test']);
  expect(within(table).getByRole('row', { name: 'step 1 0.5' })).toBeInTheDocument();
});

it('switches a curve off by its name', async () => {
  const { container } = render(chart());
  const lines = (): number =>
    container.querySelectorAll('.jp-cloudml-Chart-plot path.jp-cloudml-Chart-line').length;
  expect(lines()).toBe(2);
  await userEvent.click(screen.getByRole('button', { name: /test/ }));
  expect(screen.getByRole('button', { name: /test/ })).toHaveAttribute('aria-pressed', 'false');
  expect(lines()).toBe(1);
});

it('shows the raw curve behind a smoothed one', () => {
  const { container } = render(chart({ smoothing: 0.9 }));
  expect(container.querySelectorAll('.jp-mod-raw')).toHaveLength(2);
});

it('says when there is nothing to draw', () => {
  const { rerender } = render(chart({ curves: [] }));
  expect(screen.getByText('No points yet')).toBeInTheDocument();
  rerender(chart({ curves: [{ id: 'a', label: 'a', points: [[0, -1]] }], isLog: true }));
  expect(screen.getByText('No positive value for a log scale')).toBeInTheDocument();
});
