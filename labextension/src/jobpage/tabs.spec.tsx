import { render, screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import * as React from 'react';

import { Tabs } from './tabs';

const TABS = ['Output', 'Metrics', 'Source'].map(label => ({
  id: label.toLowerCase(),
  label,
  draw: () => <p>{`${label} here`}</p>
}));

it('chooses tabs by arrow keys, and the panel has the name of its tab', async () => {
  render(<Tabs label="Parts" tabs={TABS} />);
  await userEvent.tab();
  expect(screen.getByRole('tab', { name: 'Output' })).toHaveFocus();
  await userEvent.keyboard('{ArrowLeft}');
  expect(screen.getByRole('tab', { name: 'Source' })).toHaveFocus();
  expect(screen.getByRole('tab', { name: 'Source' })).toHaveAttribute('aria-selected', 'true');
  expect(screen.getByRole('tabpanel', { name: 'Source' })).toHaveTextContent('Source here');
  await userEvent.keyboard('{Home}');
  expect(screen.getByRole('tabpanel', { name: 'Output' })).toBeInTheDocument();
});

it('is one stop of the tab key', async () => {
  render(<Tabs label="Parts" tabs={TABS} />);
  await userEvent.tab();
  await userEvent.tab();
  expect(document.body).toHaveFocus();
});
