import type { TranslationBundle } from '@jupyterlab/translation';
import { caretDownIcon, caretRightIcon, fileIcon, folderIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

import { ApiError } from '../api/client';
import { size } from '../charts/format';
import type { DataLine, DataNode } from '../model/datatree';

export interface DataTreeProps {
  lines: readonly DataLine[];
  current: DataNode | null;
  trans: TranslationBundle;
  onSelect: (node: DataNode) => void;
  onOpen: (node: DataNode) => void;
  onClose: (node: DataNode) => void;
  onMore: (node: DataNode) => void;
  /** Everything that can be done with it, at this place of the window. */
  onMenu: (node: DataNode, x: number, y: number) => void;
}

/** How long a word is typed in before the next letter begins another; any other key ends it, too. */
const TYPING_MS = 700;

/** The tree, as WAI-ARIA's pattern has it: one stop of the Tab key, arrows inside, letters jump. */
export function DataTree(props: DataTreeProps): React.JSX.Element {
  const { lines, trans, current } = props;
  const id = React.useId();
  const box = React.useRef<HTMLUListElement>(null);
  const typed = React.useRef({ word: '', at: 0 });
  const nodes = lines.filter(line => line.kind === 'node').map(line => line.node);
  const place = Math.max(0, current ? nodes.indexOf(current) : 0);
  const node = nodes.at(place);
  // keys come faster than frames: the next one means what the last one chose, drawn or not
  const chosen = React.useRef(node);
  chosen.current = node;

  React.useEffect(() => {
    const item = current && box.current?.querySelector('[aria-selected="true"]');
    item?.scrollIntoView?.({ block: 'nearest' });
  }, [current]);

  const select = (next: DataNode): void => {
    chosen.current = next;
    props.onSelect(next);
  };
  const go = (index: number): void => {
    const next = nodes.at(Math.max(0, Math.min(nodes.length - 1, index)));
    if (next) {
      select(next);
    }
  };
  const indexOf = (one: DataNode | undefined): number => Math.max(0, one ? nodes.indexOf(one) : 0);
  const jump = (letter: string): void => {
    const now = Date.now();
    const word = (now - typed.current.at < TYPING_MS ? typed.current.word : '') + letter;
    typed.current = { word, at: now };
    const here = indexOf(chosen.current);
    const from = word.length > 1 ? here : here + 1;
    const order = [...nodes.slice(from), ...nodes.slice(0, from)];
    const found = order.find(one => one.name.toLowerCase().startsWith(word.toLowerCase()));
    if (found) {
      select(found);
    }
  };
  const onKeyDown = (event: React.KeyboardEvent): void => {
    const node = chosen.current;
    const place = indexOf(node);
    if (!node || event.altKey || event.ctrlKey || event.metaKey) {
      return;
    }
    const acts: Record<string, () => void> = {
      ArrowDown: () => go(place + 1),
      ArrowUp: () => go(place - 1),
      Home: () => go(0),
      End: () => go(nodes.length - 1),
      ArrowRight: () => (node.isOpen ? node.children[0] && go(place + 1) : props.onOpen(node)),
      ArrowLeft: () => {
        if (node.isOpen) {
          props.onClose(node);
        } else if (node.parent) {
          select(node.parent);
        }
      },
      Enter: () => toggle(node),
      ' ': () => toggle(node),
      ContextMenu: () => menu(node)
    };
    if (event.shiftKey && event.key === 'F10') {
      menu(node);
    } else if (event.key in acts) {
      typed.current.word = '';
      acts[event.key]();
    } else if (event.key.length === 1) {
      jump(event.key);
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  };
  const toggle = (one: DataNode): void => {
    select(one);
    if (one.isFolder) {
      (one.isOpen ? props.onClose : props.onOpen)(one);
    }
  };
  const menu = (one: DataNode): void => {
    const rect = document.getElementById(`${id}${nodes.indexOf(one)}`)?.getBoundingClientRect();
    props.onMenu(one, (rect?.left ?? 0) + 24, rect?.bottom ?? 0);
  };

  return (
    <ul
      ref={box}
      className="jp-cloudml-DataTree"
      role="tree"
      tabIndex={0}
      aria-label={trans.__('Data')}
      aria-activedescendant={node ? `${id}${place}` : undefined}
      onKeyDown={onKeyDown}
    >
      {lines.map(line =>
        line.kind === 'node' ? (
          <Node
            key={line.node.uri}
            id={`${id}${nodes.indexOf(line.node)}`}
            node={line.node}
            isCurrent={line.node === node}
            isSelected={line.node === current}
            onClick={() => toggle(line.node)}
            onMenu={(x, y) => {
              props.onSelect(line.node);
              props.onMenu(line.node, x, y);
            }}
          />
        ) : (
          <Beside key={`${line.node.uri} ${line.kind}`} line={line} {...props} />
        )
      )}
    </ul>
  );
}

function Node(props: {
  id: string;
  node: DataNode;
  isCurrent: boolean;
  isSelected: boolean;
  onClick: () => void;
  onMenu: (x: number, y: number) => void;
}): React.JSX.Element {
  const { node } = props;
  const Icon = node.isFolder ? folderIcon : fileIcon;
  const Caret = node.isOpen ? caretDownIcon : caretRightIcon;
  return (
    // the tree has the keys: its lines are no stops of their own
    // eslint-disable-next-line jsx-a11y/click-events-have-key-events
    <li
      id={props.id}
      className={`jp-cloudml-DataNode${props.isCurrent ? ' jp-mod-current' : ''}`}
      role="treeitem"
      aria-level={node.depth + 1}
      aria-expanded={node.isFolder ? node.isOpen : undefined}
      aria-selected={props.isSelected}
      title={node.uri}
      style={{ paddingLeft: indent(node.depth) }}
      onClick={props.onClick}
      onContextMenu={event => {
        event.preventDefault();
        event.stopPropagation();
        props.onMenu(event.clientX, event.clientY);
      }}
    >
      <span className="jp-cloudml-DataNode-caret" aria-hidden="true">
        {node.isFolder && <Caret.react tag="span" width="16px" height="16px" />}
      </span>
      <Icon.react tag="span" width="16px" height="16px" aria-hidden="true" />
      <span className="jp-cloudml-DataNode-name">{node.name.replace(/\/$/, '')}</span>
      {node.size !== null && <span className="jp-cloudml-DataNode-size">{size(node.size)}</span>}
    </li>
  );
}

/** What an open folder shows in place of its content, or below it. */
function Beside(props: DataTreeProps & { line: DataLine }): React.JSX.Element {
  const { trans, line } = props;
  const { node, kind } = line;
  const style = { paddingLeft: indent(node.depth + 1) + 20 };
  if (kind === 'error') {
    const { error } = node;
    const hint = error instanceof ApiError && error.hint ? ` (${error.hint})` : '';
    return (
      <li className="jp-cloudml-DataBeside" role="none" style={style}>
        <span role="alert">{`${error?.message ?? ''}${hint}`}</span>
        <button type="button" className="jp-cloudml-Link" onClick={() => props.onOpen(node)}>
          {trans.__('Try again')}
        </button>
      </li>
    );
  }
  if (kind === 'more') {
    return (
      <li className="jp-cloudml-DataBeside" role="none" style={style}>
        <button type="button" className="jp-cloudml-Link" onClick={() => props.onMore(node)}>
          {trans.__('Show more')}
        </button>
      </li>
    );
  }
  return (
    <li className="jp-cloudml-DataBeside" role="none" style={style}>
      <span role="status">{kind === 'loading' ? trans.__('Loading…') : trans.__('Empty')}</span>
    </li>
  );
}

function indent(depth: number): number {
  return 6 + depth * 14;
}
