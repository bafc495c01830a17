import type { IDisposable } from '@lumino/disposable';
import { Signal, type ISignal } from '@lumino/signaling';

import type { DataApi, DataItem } from '../api/data';
import { Loader, type Phase } from './loader';

/** One line of the tree: a store, a prefix or an object. What is below a folder is fetched when it is first opened. */
export interface DataNode {
  readonly uri: string;
  readonly name: string;
  readonly depth: number;
  readonly isFolder: boolean;
  readonly size: number | null;
  /** Of a file on the server's disk. */
  readonly path: string | null;
  readonly parent: DataNode | null;
  isOpen: boolean;
  phase: Phase;
  error: Error | null;
  children: DataNode[];
  /** What to list on after; null where all are here. */
  next: string | null;
}

/** A line that is drawn: a node, or what stands below an open folder in place of its content. */
export interface DataLine {
  readonly node: DataNode;
  readonly kind: 'node' | 'loading' | 'empty' | 'error' | 'more';
}

type Api = Pick<DataApi, 'stores' | 'list'>;

/** The configured stores as a tree that grows as it is looked at. */
export class DataTree implements IDisposable {
  constructor(private readonly _api: Api) {
    this._loader.changed.connect(() => this._changed.emit(), this);
  }

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get phase(): Phase {
    return this._loader.phase;
  }

  get error(): Error | null {
    return this._loader.error;
  }

  get roots(): readonly DataNode[] {
    return this._roots;
  }

  /** The file in which stores are named. */
  get config(): string {
    return this._config;
  }

  get current(): DataNode | null {
    return this._current;
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  /** What is on screen, from top to bottom. */
  get lines(): DataLine[] {
    const found: DataLine[] = [];
    const add = (node: DataNode): void => {
      found.push({ node, kind: 'node' });
      if (!node.isOpen) {
        return;
      }
      node.children.forEach(add);
      if (node.phase === 'loading') {
        found.push({ node, kind: 'loading' });
      } else if (node.phase === 'error') {
        found.push({ node, kind: 'error' });
      } else if (node.next !== null) {
        found.push({ node, kind: 'more' });
      } else if (node.children.length === 0) {
        found.push({ node, kind: 'empty' });
      }
    };
    this._roots.forEach(add);
    return found;
  }

  setVisible(isVisible: boolean): void {
    if (isVisible && this._isStale) {
      void this.refresh();
    }
  }

  /** Fetch the stores, and what is below every open folder, anew. What is open stays open. */
  async refresh(): Promise<void> {
    this._isStale = false;
    await this._loader.load(
      signal => this._api.stores(signal),
      ({ stores, config }) => {
        this._config = config;
        const known = new Map(this._roots.map(node => [node.uri, node]));
        this._roots = stores.map(({ name, uri }) => known.get(uri) ?? rootOf(name, uri));
      }
    );
    await Promise.all(this._roots.map(node => this._refreshOpen(node)));
  }

  select(node: DataNode): void {
    if (this._current !== node) {
      this._current = node;
      this._changed.emit();
    }
  }

  /** Open a folder; its content is fetched where it is not here, or failed to come. */
  async open(node: DataNode): Promise<void> {
    if (!node.isFolder) {
      return;
    }
    const wasOpen = node.isOpen;
    node.isOpen = true;
    if (node.phase === 'idle' || node.phase === 'error') {
      await this._fetch(node, '');
    } else if (!wasOpen) {
      this._changed.emit();
    }
  }

  close(node: DataNode): void {
    if (node.isOpen) {
      node.isOpen = false;
      for (let at = this._current; at !== null; at = at.parent) {
        if (at.parent === node) {
          this._current = node;
        }
      }
      this._changed.emit();
    }
  }

  /** Fetch the next page of a folder. */
  async more(node: DataNode): Promise<void> {
    if (node.next !== null && node.phase === 'ready') {
      await this._fetch(node, node.next);
    }
  }

  /** Fetch a folder anew: something in it has changed. */
  async reload(node: DataNode): Promise<void> {
    if (node.phase !== 'loading') {
      await this._fetch(node, '');
    }
  }

  dispose(): void {
    this._isDisposed = true;
    this._loader.dispose();
    Signal.clearData(this);
  }

  private async _refreshOpen(node: DataNode): Promise<void> {
    if (node.isOpen) {
      await this._fetch(node, '');
      await Promise.all(node.children.map(child => this._refreshOpen(child)));
    } else if (node.isFolder) {
      node.phase = 'idle';
    }
  }

  private async _fetch(node: DataNode, after: string): Promise<void> {
    node.phase = 'loading';
    node.error = null;
    this._changed.emit();
    try {
      const page = await this._api.list(node.uri, after);
      const known = new Map(node.children.map(child => [child.uri, child]));
      const fresh = page.items.map(item => merged(known.get(item.uri), item, node));
      node.children = after ? [...node.children, ...fresh] : fresh;
      node.next = page.next;
      node.phase = 'ready';
      this._keepCurrent();
    } catch (error) {
      node.error = error instanceof Error ? error : new Error(String(error));
      node.phase = 'error';
    }
    if (!this._isDisposed) {
      this._changed.emit();
    }
  }

  /** Whoever had selected what is gone has its folder selected. */
  private _keepCurrent(): void {
    const { parent } = this._current ?? {};
    if (parent && this._current && !parent.children.includes(this._current)) {
      this._current = parent.children.find(child => child.uri === this._current?.uri) ?? parent;
    }
  }

  private readonly _loader = new Loader();
  private readonly _changed = new Signal<this, void>(this);
  private _roots: DataNode[] = [];
  private _current: DataNode | null = null;
  private _config = '';
  private _isStale = true;
  private _isDisposed = false;
}

function rootOf(name: string, uri: string): DataNode {
  return { ...fresh(), uri, name, depth: 0, isFolder: true, size: null, path: null, parent: null };
}

/** What was known of an object that is as it was; a folder keeps what is open below it. */
function merged(known: DataNode | undefined, item: DataItem, parent: DataNode): DataNode {
  if (known && known.isFolder === item.is_prefix && known.size === item.size) {
    return known;
  }
  const { uri, name, is_prefix: isFolder, size, path } = item;
  return { ...fresh(), uri, name, isFolder, size, path, parent, depth: parent.depth + 1 };
}

function fresh(): Pick<DataNode, 'isOpen' | 'phase' | 'error' | 'children' | 'next'> {
  return { isOpen: false, phase: 'idle', error: null, children: [], next: null };
}
