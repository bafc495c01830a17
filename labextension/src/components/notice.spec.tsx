import { nullTranslator } from '@jupyterlab/translation';
import { render, screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import * as React from 'react';

import { ApiError } from '../api/client';
import { Failed, Loading, Nothing } from './notice';

const trans = nullTranslator.load('jupyter_cloudml');

describe('a list without rows', () => {
  it('says that it loads', () => {
    render(<Loading trans={trans} />);
    expect(screen.getByRole('status', { name: 'Loading…' })).toBeInTheDocument();
  });

  it('says what to type', () => {
    render(<Nothing title="No jobs yet" code="%%cloudtrain" />);
    expect(screen.getByText('%%cloudtrain')).toBeInTheDocument();
  });

  it('says what went wrong with the way out, and tries again', async () => {
    const onRetry = jest.fn();
    const error = new ApiError('The registry is locked', 503, 'wait a second');
    render(<Failed error={error} trans={trans} onRetry={onRetry} />);
    expect(screen.getByRole('alert')).toHaveTextContent('The registry is lockedwait a second');
    await userEvent.click(screen.getByRole('button', { name: 'Try again' }));
    expect(onRetry).toHaveBeenCalled();
  });
});
