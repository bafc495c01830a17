import { nullTranslator } from '@jupyterlab/translation';
import { fireEvent, render, screen } from '@testing-library/react';
import * as React from 'react';

import { ApiError } from '../api/client';
import type { DataItem } from '../api/data';
import { DataTree as Model } from '../model/datatree';
import { DataHead } from './datahead';
import { DataTree } from './datatree';
import { TransferList } from './transferlist';

const trans = nullTranslator.load('jupyter_cloudml');

const item = (uri: string): DataItem => ({
  uri,
  name: uri.replace(/^.*\/(?=.)/, ''),
  is_prefix: uri.endsWith('/'),
  size: uri.endsWith('/') ? null : 2048,
  modified: null,
  etag: null,
  path: null
});

const api = {
  stores: async () => ({ stores: [{ name: 'lake', uri: 's3://b/', kind: 's3' }], config: '' }),
  list: async (uri: string) => {
    if (uri === 's3://b/bad/') {
      throw new ApiError('no leave', 403, 'ask for it');
    }
    return { items: ['bad/', 'a.csv', 'b.csv'].map(name => item(uri + name)), next: null };
  }
};

/** The tree as the panel wires it. */
function Wired({ tree, onMenu }: { tree: Model; onMenu: jest.Mock }): React.JSX.Element {
  const [, draw] = React.useReducer((n: number) => n + 1, 0);
  React.useEffect(() => {
    tree.changed.connect(draw);
    return () => void tree.changed.disconnect(draw);
  }, [tree]);
  return (
    <DataTree
      lines={tree.lines}
      current={tree.current}
      trans={trans}
      onSelect={node => tree.select(node)}
      onOpen={node => void tree.open(node)}
      onClose={node => tree.close(node)}
      onMore={node => void tree.more(node)}
      onMenu={onMenu}
    />
  );
}

describe('the tree', () => {
  let onMenu: jest.Mock;

  beforeEach(async () => {
    onMenu = jest.fn();
    const tree = new Model(api);
    await tree.refresh();
    render(<Wired tree={tree} onMenu={onMenu} />);
  });

  const press = (key: string): void => void fireEvent.keyDown(screen.getByRole('tree'), { key });
  const chosen = (): string | null =>
    screen.getByRole('treeitem', { selected: true }).getAttribute('title');

  it('is walked through with the arrows, as the pattern of a tree has it', async () => {
    const root = screen.getByRole('treeitem');
    expect(root).toHaveAttribute('aria-expanded', 'false');
    press('ArrowRight');
    await screen.findByText('a.csv');
    expect(root).toHaveAttribute('aria-expanded', 'true');
    press('ArrowRight');
    expect(chosen()).toBe('s3://b/bad/');
    press('ArrowDown');
    expect(chosen()).toBe('s3://b/a.csv');
    expect(screen.getByRole('treeitem', { selected: true })).toHaveAttribute('aria-level', '2');
    expect(screen.getByRole('tree').getAttribute('aria-activedescendant')).toBe(
      screen.getByRole('treeitem', { selected: true }).id
    );
    press('End');
    expect(chosen()).toBe('s3://b/b.csv');
    press('ArrowLeft');
    expect(chosen()).toBe('s3://b/');
    press('ArrowLeft');
    expect(screen.queryByText('a.csv')).toBeNull();
  });

  it('obeys keys that come faster than it is drawn', async () => {
    const tree = new Model(api);
    await tree.refresh();
    await tree.open(tree.lines[0].node);
    const said: string[] = [];
    const still = { trans, lines: tree.lines, current: tree.lines[0].node, onMore: jest.fn() };
    render(
      <DataTree
        {...still}
        onSelect={node => void said.push(`at ${node.name}`)}
        onOpen={node => void said.push(`open ${node.name}`)}
        onClose={node => void said.push(`close ${node.name}`)}
        onMenu={onMenu}
      />
    );
    const undrawn = screen.getAllByRole('tree')[1];
    ['End', 'ArrowUp', 'ArrowUp', 'Enter'].forEach(key => fireEvent.keyDown(undrawn, { key }));
    expect(said).toEqual(['at b.csv', 'at a.csv', 'at bad/', 'at bad/', 'open bad/']);
  });

  it('is jumped through with letters, and has a menu', async () => {
    fireEvent.click(screen.getByText('lake'));
    await screen.findByText('a.csv');
    press('b');
    expect(chosen()).toBe('s3://b/bad/');
    press('.');
    expect(chosen()).toBe('s3://b/b.csv');
    press('Home');
    press('a');
    expect(chosen()).toBe('s3://b/a.csv');
    press('End');
    press('ContextMenu');
    expect(onMenu.mock.calls[0][0].uri).toBe('s3://b/b.csv');
  });

  it('says what is wrong with a folder and the way out', async () => {
    fireEvent.click(screen.getByText('lake'));
    fireEvent.click(await screen.findByText('bad'));
    expect(await screen.findByRole('alert')).toHaveTextContent('no leave (ask for it)');
    expect(screen.getByRole('button', { name: 'Try again' })).toBeInTheDocument();
  });
});

describe('the head of a file', () => {
  const head = { ...item('s3://b/a.csv'), format: 'csv', total_rows: 1234, text: '' };

  it('has the types in its header, and shows what is missing', () => {
    const columns = [
      { name: 'city', type: 'string' },
      { name: 'n', type: 'int64' }
    ];
    const rows = [
      ['Oslo', 1],
      [null, 2]
    ];
    render(<DataHead head={{ ...head, columns, rows }} trans={trans} />);
    expect(screen.getByText('csv · 2.0 KiB · 1,234 rows · 2 columns')).toBeInTheDocument();
    expect(screen.getByRole('columnheader', { name: 'city string' })).toBeInTheDocument();
    expect(screen.getByRole('cell', { name: 'null' })).toBeInTheDocument();
  });

  it('is the first lines of a text, or says that there is nothing', () => {
    const { rerender } = render(
      <DataHead head={{ ...head, columns: [], rows: [], text: 'line' }} trans={trans} />
    );
    expect(screen.getByText('line')).toBeInTheDocument();
    rerender(<DataHead head={{ ...head, columns: [], rows: [] }} trans={trans} />);
    expect(screen.getByText('There is nothing in it.')).toBeInTheDocument();
  });
});

describe('the list of transfers', () => {
  it('has a bar and a way to stop each, and says why one failed', () => {
    const onCancel = jest.fn();
    const running = {
      id: 1,
      name: 'a.csv',
      direction: 'down' as const,
      done: 1024,
      total: 4096,
      rate: 512,
      state: 'running' as const,
      error: null
    };
    const failed = { ...running, id: 2, name: 'b.csv', state: 'failed' as const };
    const transfers = [running, { ...failed, error: new ApiError('no room', 503, 'free some') }];
    render(
      <TransferList transfers={transfers} trans={trans} onCancel={onCancel} onForget={jest.fn()} />
    );
    expect(screen.getByRole('progressbar', { name: 'a.csv' })).toHaveAttribute('value', '1024');
    expect(screen.getByText('1.0 KiB of 4.0 KiB, 512 B/s')).toBeInTheDocument();
    expect(screen.getByRole('alert')).toHaveTextContent('no room (free some)');
    fireEvent.click(screen.getByRole('button', { name: 'Cancel a.csv' }));
    expect(onCancel).toHaveBeenCalledWith(1);
  });
});
