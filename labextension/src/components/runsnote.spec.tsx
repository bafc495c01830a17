import { nullTranslator } from '@jupyterlab/translation';
import { render, screen } from '@testing-library/react';
import * as React from 'react';

import { RunsNote } from './runsnote';

const trans = nullTranslator.load('jupyter_cloudml');

it('says that more runs will follow while a server is copied', () => {
  render(<RunsNote isSyncing awaySince={null} trans={trans} />);
  expect(screen.getByRole('status')).toHaveTextContent('being fetched');
});

it('says since when a server has been away, whatever else', () => {
  render(<RunsNote isSyncing awaySince={1_700_000_000} trans={trans} />);
  expect(screen.getByRole('status')).toHaveTextContent(
    `not answered since ${new Date(1_700_000_000_000).toLocaleString()}`
  );
});

it('says nothing of runs that are whole', () => {
  const { container } = render(<RunsNote isSyncing={false} awaySince={null} trans={trans} />);
  expect(container).toBeEmptyDOMElement();
});
