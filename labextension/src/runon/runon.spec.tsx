import { nullTranslator } from '@jupyterlab/translation';
import { render, screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import React from 'react';

import { StatusItem } from '../components/statusitem';
import { setTarget, targetOf } from './cells';
import { HERE } from './choices';
import { loadMagics } from './kernel';

const trans = nullTranslator.load('');

/** As much of a cell as the control touches. */
function cellOf(source: string, id = 'cell'): Parameters<typeof setTarget>[0] {
  let text = source;
  const sharedModel = {
    getSource: () => text,
    updateSource: (start: number, end: number, value: string) => {
      text = text.slice(0, start) + value + text.slice(end);
    }
  };
  return { id, sharedModel } as unknown as Parameters<typeof setTarget>[0];
}

describe('a cell', () => {
  it('goes away, comes home, and goes away again with its name and flags', () => {
    const cell = cellOf('%%cloudtrain fit --on local --gpus 1\nx = 1');
    setTarget(cell, HERE);
    expect(cell.sharedModel.getSource()).toBe('x = 1');
    expect(targetOf(cell)).toBe(HERE);
    setTarget(cell, 'ray');
    expect(cell.sharedModel.getSource()).toBe('%%cloudtrain fit --on ray --gpus 1\nx = 1');
    expect(targetOf(cell)).toBe('ray');
  });

  it('is not touched where it runs there already', () => {
    const cell = cellOf('%%cloudtrain --on local\nx = 1', 'other');
    const update = jest.spyOn(cell.sharedModel, 'updateSource');
    setTarget(cell, 'local');
    expect(update).not.toHaveBeenCalled();
  });
});

describe('loading the magics', () => {
  const kernel = (content: object): Parameters<typeof loadMagics>[0] =>
    ({
      requestExecute: jest.fn(() => ({ done: Promise.resolve({ content }) }))
    }) as unknown as Parameters<typeof loadMagics>[0];

  it('leaves no trace and stops no other cell', async () => {
    const good = kernel({ status: 'ok' });
    expect(await loadMagics(good)).toBe('loaded');
    expect(good.requestExecute).toHaveBeenCalledWith(
      expect.objectContaining({ silent: true, store_history: false, stop_on_error: false })
    );
  });

  it('tells a kernel without the package from other failures', async () => {
    const error = (ename: string): object => ({ status: 'error', ename });
    expect(await loadMagics(kernel(error('ModuleNotFoundError')))).toBe('missing');
    expect(await loadMagics(kernel(error('ValueError')))).toBe('failed');
  });
});

describe('the status bar item', () => {
  it('is a button in a live region that opens the panel by keys', async () => {
    const onOpen = jest.fn();
    render(<StatusItem running={2} queued={1} costToday={null} trans={trans} onOpen={onOpen} />);
    expect(screen.getByRole('status')).toBeInTheDocument();
    const button = screen.getByRole('button', { name: '2 running · 1 queued' });
    await userEvent.tab();
    expect(button).toHaveFocus();
    await userEvent.keyboard('{Enter}');
    expect(onOpen).toHaveBeenCalledTimes(1);
  });

  it('says nothing where nothing runs', () => {
    render(<StatusItem running={0} queued={0} costToday={null} trans={trans} onOpen={jest.fn()} />);
    expect(screen.getByRole('status')).toBeEmptyDOMElement();
  });

  it('says what today costs where that is known', () => {
    render(<StatusItem running={1} queued={0} costToday={1.5} trans={trans} onOpen={jest.fn()} />);
    expect(screen.getByRole('button', { name: '1 running · $1.50 today' })).toBeInTheDocument();
  });
});
