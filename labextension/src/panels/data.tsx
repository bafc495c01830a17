import { Clipboard, Dialog, showDialog, showErrorMessage } from '@jupyterlab/apputils';
import { fileUploadIcon, refreshIcon } from '@jupyterlab/ui-components';
import { CommandRegistry } from '@lumino/commands';
import { Signal, type ISignal } from '@lumino/signaling';
import { Menu } from '@lumino/widgets';
import * as React from 'react';

import { ApiError } from '../api/client';
import { DataApi, type DataHead as Head } from '../api/data';
import { DataHead } from '../components/datahead';
import { DataTree } from '../components/datatree';
import { Failed, Loading, Nothing } from '../components/notice';
import { TransferList } from '../components/transferlist';
import { placeOf, prepCell } from '../model/datasource';
import { DataTree as Tree, type DataNode } from '../model/datatree';
import { Loader } from '../model/loader';
import { Transfers } from '../model/transfers';
import { CommandIDs } from '../tokens';
import { Section } from './section';
import type { Host } from './sidebar';

const EXAMPLE = '[stores.lake]\nuri = "s3://bucket/prefix"';
/** What is larger is left to the browser's own downloads: it need not fit into the page. */
const MOST_IN_PAGE = 256 << 20;

/** The configured stores as a tree, the head of what is chosen, and what goes up and down. */
export function dataSection(host: Host): Section {
  const { trans } = host.cloudml;
  const data = new Data(host);
  const section = new Section({
    id: 'jp-cloudml-data',
    title: trans.__('Data'),
    model: data,
    view: () => <View data={data} />
  });
  section.addTool('upload', fileUploadIcon, trans.__('Upload into the chosen folder'), () =>
    data.chooseFiles()
  );
  section.addTool('refresh', refreshIcon, trans.__('Refresh'), () => void data.tree.refresh());
  section.disposed.connect(() => data.dispose());
  return section;
}

/** What the section knows and does. */
class Data {
  constructor(readonly host: Host) {
    this._api = new DataApi(host.cloudml.api.serverSettings);
    this.tree = new Tree(this._api);
    for (const part of [this.tree, this.heads, this.transfers]) {
      part.changed.connect(() => this._changed.emit(), this);
    }
  }

  readonly tree: Tree;
  readonly heads = new Loader();
  readonly transfers = new Transfers();
  head: Head | null = null;

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  setVisible(isVisible: boolean): void {
    this.tree.setVisible(isVisible);
  }

  select(node: DataNode): void {
    this.tree.select(node);
    if (!node.isFolder && this.head?.uri !== node.uri) {
      void this.look(node);
    }
  }

  async look(node: DataNode): Promise<void> {
    this.head = null;
    await this.heads.load(
      signal => this._api.head(node.uri, signal),
      head => (this.head = head)
    );
  }

  insertPath(node: DataNode): void {
    void this.host.commands.execute(CommandIDs.insertData, { text: placeOf(node) });
  }

  insertPrep(node: DataNode): void {
    void this.host.commands.execute(CommandIDs.insertPrep, { source: prepCell(node) });
  }

  async download(node: DataNode): Promise<void> {
    const save = (href: string): void => {
      const link = document.createElement('a');
      link.href = href;
      link.download = node.name;
      link.click();
    };
    if ((node.size ?? 0) > MOST_IN_PAGE) {
      save(this._api.link(node.uri));
      return;
    }
    const blob = await this.transfers.run(node.name, 'down', (onBytes, signal) =>
      this._api.download(node.uri, onBytes, signal)
    );
    if (blob) {
      const href = URL.createObjectURL(blob);
      save(href);
      window.setTimeout(() => URL.revokeObjectURL(href), 60_000);
    }
  }

  /** The folder that uploads go to: the one that is chosen, or that of the chosen object. */
  get folder(): DataNode | null {
    const { current } = this.tree;
    return current?.isFolder ? current : (current?.parent ?? null);
  }

  chooseFiles(folder: DataNode | null = this.folder): void {
    const { trans } = this.host.cloudml;
    if (folder === null) {
      void showErrorMessage(trans.__('Choose a folder first'), {
        message: trans.__('Files are uploaded into the folder that is chosen in the tree.')
      });
      return;
    }
    const input = document.createElement('input');
    input.type = 'file';
    input.multiple = true;
    input.onchange = () => void this.upload(folder, Array.from(input.files ?? []));
    input.click();
  }

  async upload(folder: DataNode, files: readonly File[]): Promise<void> {
    for (const file of files) {
      await this._upload(folder, file, false);
    }
    await this.tree.open(folder);
    await this.tree.reload(folder);
  }

  async remove(node: DataNode): Promise<void> {
    const { trans } = this.host.cloudml;
    const answer = await showDialog({
      title: trans.__('Delete %1?', node.name),
      body: trans.__('%1 will be gone for good.', placeOf(node)),
      buttons: [Dialog.cancelButton(), Dialog.warnButton({ label: trans.__('Delete') })],
      defaultButton: 0
    });
    if (!answer.button.accept) {
      return;
    }
    try {
      await this._api.remove(node.uri);
    } catch (error) {
      await showErrorMessage(trans.__('It cannot be deleted'), error as Error);
    }
    if (node.parent) {
      await this.tree.reload(node.parent);
    }
  }

  dispose(): void {
    this.tree.dispose();
    this.heads.dispose();
    Signal.clearData(this);
  }

  private async _upload(folder: DataNode, file: File, replace: boolean): Promise<void> {
    const { trans } = this.host.cloudml;
    const uri = folder.uri + encodeFor(folder.uri, file.name);
    let isTaken = false;
    await this.transfers.run(file.name, 'up', async (onBytes, signal) => {
      try {
        return await this._api.upload(uri, file, { replace, onBytes, signal });
      } catch (error) {
        isTaken = !replace && error instanceof ApiError && error.code === 'conflict';
        throw error;
      }
    });
    if (!isTaken) {
      return;
    }
    const refused = this.transfers.all.find(one => one.name === file.name && one.error);
    const answer = await showDialog({
      title: trans.__('Replace %1?', file.name),
      body: trans.__('There is an object of this name already.'),
      buttons: [Dialog.cancelButton(), Dialog.warnButton({ label: trans.__('Replace') })],
      defaultButton: 0
    });
    if (refused) {
      this.transfers.forget(refused.id);
    }
    if (answer.button.accept) {
      await this._upload(folder, file, true);
    }
  }

  private readonly _api: DataApi;
  private readonly _changed = new Signal<this, void>(this);
}

/** A name as the URI below `folder` has it: keys of object stores are literal, `file:` URIs are not. */
function encodeFor(folder: string, name: string): string {
  return folder.startsWith('file:') ? encodeURIComponent(name) : name;
}

function View({ data }: { data: Data }): React.JSX.Element {
  const { tree, host } = data;
  const { trans } = host.cloudml;
  if (tree.phase === 'error') {
    return <Failed error={tree.error} trans={trans} onRetry={() => void tree.refresh()} />;
  }
  if (tree.phase !== 'ready') {
    return <Loading trans={trans} />;
  }
  const hasStores = tree.roots.some(root => root.name !== 'files');
  const node = tree.current;
  return (
    <div className="jp-cloudml-Data">
      {tree.roots.length > 0 && (
        <DataTree
          lines={tree.lines}
          current={node}
          trans={trans}
          onSelect={one => data.select(one)}
          onOpen={one => void tree.open(one)}
          onClose={one => tree.close(one)}
          onMore={one => void tree.more(one)}
          onMenu={(one, x, y) => menuOf(data, one).open(x, y)}
        />
      )}
      {!hasStores && node === null && (
        <Nothing
          title={trans.__('No stores yet')}
          hint={trans.__('Name a bucket in %1:', tree.config)}
          code={EXAMPLE}
        />
      )}
      {node !== null && <Chosen data={data} node={node} />}
      <TransferList
        transfers={data.transfers.all}
        trans={trans}
        onCancel={id => data.transfers.cancel(id)}
        onForget={id => data.transfers.forget(id)}
      />
    </div>
  );
}

/** What can be done with the chosen line, and its head. */
function Chosen({ data, node }: { data: Data; node: DataNode }): React.JSX.Element {
  const { trans } = data.host.cloudml;
  const button = (label: string, act: () => void): React.JSX.Element => (
    <button type="button" className="jp-cloudml-Link" onClick={act}>
      {label}
    </button>
  );
  return (
    <section className="jp-cloudml-DataChosen" aria-label={node.name}>
      <div className="jp-cloudml-DataChosen-bar">
        {button(trans.__('Insert path'), () => data.insertPath(node))}
        {button(trans.__('Insert %1', '%%cloudprep'), () => data.insertPrep(node))}
        {node.isFolder
          ? button(trans.__('Upload…'), () => data.chooseFiles(node))
          : button(trans.__('Download'), () => void data.download(node))}
      </div>
      {!node.isFolder && <HeadOf data={data} node={node} />}
    </section>
  );
}

function HeadOf({ data, node }: { data: Data; node: DataNode }): React.JSX.Element {
  const { trans } = data.host.cloudml;
  if (data.head?.uri === node.uri) {
    return <DataHead head={data.head} trans={trans} />;
  }
  if (data.heads.phase === 'error') {
    const { error } = data.heads;
    return <Failed error={error} trans={trans} onRetry={() => void data.look(node)} />;
  }
  return <Loading trans={trans} />;
}

/** Everything that can be done with a line of the tree. */
function menuOf(data: Data, node: DataNode): Menu {
  const { trans } = data.host.cloudml;
  const commands = new CommandRegistry();
  const menu = new Menu({ commands });
  const add = (id: string, label: string, execute: () => void): void => {
    commands.addCommand(id, { label, execute });
    menu.addItem({ command: id });
  };
  add('path', trans.__('Insert Path'), () => data.insertPath(node));
  add('prep', trans.__('Insert %1', '%%cloudprep'), () => data.insertPrep(node));
  add('copy', trans.__('Copy URI'), () => Clipboard.copyToSystem(node.uri));
  menu.addItem({ type: 'separator' });
  if (node.isFolder) {
    add('upload', trans.__('Upload…'), () => data.chooseFiles(node));
    add('reload', trans.__('Refresh'), () => void data.tree.reload(node));
  } else {
    add('download', trans.__('Download'), () => void data.download(node));
    add('remove', trans.__('Delete…'), () => void data.remove(node));
  }
  menu.aboutToClose.connect(() => requestAnimationFrame(() => menu.dispose()));
  return menu;
}
