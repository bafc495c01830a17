import { ApiError } from '../api/client';
import type { DataItem, DataPage, DataStores } from '../api/data';
import { placeOf, prepCell, pythonString, sourceName } from './datasource';
import { DataTree } from './datatree';

function item(uri: string, size: number | null = 1): DataItem {
  const name = uri.replace(/^.*\/(?=.)/, '');
  const is_prefix = uri.endsWith('/');
  return {
    uri,
    name,
    is_prefix,
    size: is_prefix ? null : size,
    modified: null,
    etag: null,
    path: null
  };
}

class FakeServer {
  readonly asked: string[] = [];
  pages: Record<string, DataPage> = {
    's3://b/': { items: [item('s3://b/x/'), item('s3://b/a.csv')], next: 'a.csv' },
    's3://b/ a.csv': { items: [item('s3://b/z.csv')], next: null },
    's3://b/x/': { items: [], next: null }
  };

  async stores(): Promise<DataStores> {
    return { stores: [{ name: 'lake', uri: 's3://b/', kind: 's3' }], config: '/w/cloudml.toml' };
  }

  async list(uri: string, after = ''): Promise<DataPage> {
    const key = after ? `${uri} ${after}` : uri;
    this.asked.push(key);
    const page = this.pages[key];
    if (!page) {
      throw new ApiError('no such bucket', 404);
    }
    return page;
  }
}

const lines = (tree: DataTree): string[] =>
  tree.lines.map(({ node, kind }) => (kind === 'node' ? node.name : `${node.name} ${kind}`));

describe('the tree of data', () => {
  let server: FakeServer;
  let tree: DataTree;

  beforeEach(async () => {
    server = new FakeServer();
    tree = new DataTree(server);
    tree.setVisible(true);
    await tree.refresh();
  });

  afterEach(() => tree.dispose());

  it('asks for nothing below a store before it is opened', async () => {
    expect(lines(tree)).toEqual(['lake']);
    expect(server.asked).toEqual([]);
    await tree.open(tree.roots[0]);
    expect(lines(tree)).toEqual(['lake', 'x/', 'a.csv', 'lake more']);
    await tree.more(tree.roots[0]);
    expect(lines(tree)).toEqual(['lake', 'x/', 'a.csv', 'z.csv']);
  });

  it('keeps what it has when a folder is closed and opened again', async () => {
    const [root] = tree.roots;
    await tree.open(root);
    tree.close(root);
    expect(lines(tree)).toEqual(['lake']);
    await tree.open(root);
    expect(server.asked).toEqual(['s3://b/']);
  });

  it('says that a folder is empty, and that one could not be listed', async () => {
    const [root] = tree.roots;
    await tree.open(root);
    await tree.open(root.children[0]);
    expect(lines(tree)).toContain('x/ empty');
    delete server.pages['s3://b/x/'];
    await tree.reload(root.children[0]);
    expect(lines(tree)).toContain('x/ error');
    server.pages['s3://b/x/'] = { items: [item('s3://b/x/new')], next: null };
    await tree.open(root.children[0]);
    expect(lines(tree)).toContain('new');
  });

  it('keeps what is open when it is refreshed, and selects the folder of what is gone', async () => {
    const [root] = tree.roots;
    await tree.open(root);
    tree.select(root.children[1]);
    server.pages['s3://b/'] = { items: [item('s3://b/x/')], next: null };
    await tree.refresh();
    expect(lines(tree)).toEqual(['lake', 'x/']);
    expect(tree.current).toBe(root);
  });

  it('selects a folder that is closed in place of what was in it', async () => {
    const [root] = tree.roots;
    await tree.open(root);
    tree.select(root.children[1]);
    tree.close(root);
    expect(tree.current).toBe(root);
  });

  it('shows why the stores cannot be told', async () => {
    server.stores = async () => {
      throw new ApiError('cloudml.toml is not TOML', 400);
    };
    const broken = new DataTree(server);
    await broken.refresh();
    expect(broken.phase).toBe('error');
    expect(broken.error?.message).toBe('cloudml.toml is not TOML');
  });
});

describe('what is inserted for data', () => {
  it('names a source as Python would', () => {
    expect(sourceName('s3://b/Trips 2026.csv.gz')).toBe('trips_2026');
    expect(sourceName('s3://b/year=2026/')).toBe('year_2026');
    expect(sourceName('file:///a/%C3%A9t%C3%A9.parquet')).toBe('t');
    expect(sourceName('s3://b/2026.csv')).toBe('data');
  });

  it('writes a cell whose words a shell would read as they are meant', () => {
    expect(prepCell({ uri: 's3://b/trips/', path: null })).toBe(
      '%%cloudprep --source trips=s3://b/trips/ -n 10\nSELECT * FROM trips'
    );
    const odd = prepCell({ uri: 'file:///a/it%27s%20odd.csv', path: "/a/it's odd.csv" });
    expect(odd.split('\n')[0]).toBe(`%%cloudprep --source it_s_odd='/a/it'"'"'s odd.csv' -n 10`);
  });

  it('is a path for files of this machine and a URI elsewhere', () => {
    expect(placeOf({ uri: 'file:///a%20b/', path: null })).toBe('/a b/');
    expect(placeOf({ uri: 's3://b/a%20b', path: null })).toBe('s3://b/a%20b');
    expect(pythonString('a"b\\c')).toBe('"a\\"b\\\\c"');
  });
});
