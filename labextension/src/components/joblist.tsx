import { ellipsesIcon, stopIcon, refreshIcon, downloadIcon } from '@jupyterlab/ui-components';
import type { LabIcon } from '@jupyterlab/ui-components';
import { PathExt } from '@jupyterlab/coreutils';
import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import { isFinal, type JobRow } from '../api/types';
import { StateMark } from './statemark';
import { ago, clock } from './times';
import { reveal, useNow, useSight } from './window';

export type JobAction = 'cancel' | 'retry' | 'pull';

/** What the list shows: rows by place (a page that is not here yet has none), and what runs. */
export interface JobSource {
  readonly total: number;
  readonly active: number;
  at(index: number): JobRow | undefined;
  see(first: number, last: number): void;
  progress(id: string): number | null;
  elapsed(row: JobRow, now?: number): number | null;
}

export interface JobListProps {
  jobs: JobSource;
  trans: TranslationBundle;
  isCompact: boolean;
  onOpen: (row: JobRow) => void;
  onAction: (row: JobRow, action: JobAction) => void;
  /** Everything that can be done with the row, at this place of the window. */
  onMenu: (row: JobRow, x: number, y: number) => void;
}

/** A grid of jobs: as fast with 10,000 as with ten, for the pointer and for the keyboard. */
export function JobList(props: JobListProps): React.JSX.Element {
  const { jobs, trans, isCompact } = props;
  const rowHeight = isCompact ? 24 : 42;
  const scroller = React.useRef<HTMLDivElement>(null);
  const [current, setCurrent] = React.useState<string | number>(0);
  const id = React.useId();
  const { first, last } = useSight(scroller, jobs.total, rowHeight);
  const now = useNow(jobs.active > 0);
  React.useEffect(() => jobs.see(Math.max(0, first), Math.max(0, last)), [jobs, first, last]);

  const place = currentPlace(jobs, current, first, last);
  const select = (index: number): void => {
    const next = Math.max(0, Math.min(jobs.total - 1, index));
    setCurrent(jobs.at(next)?.id ?? next);
    if (scroller.current) {
      reveal(scroller.current, next, rowHeight);
    }
  };
  const onKeyDown = (event: React.KeyboardEvent): void => {
    const page = Math.max(1, Math.floor((scroller.current?.clientHeight ?? 0) / rowHeight) - 1);
    const moves: Record<string, number> = {
      ArrowDown: place + 1,
      ArrowUp: place - 1,
      PageDown: place + page,
      PageUp: place - page,
      Home: 0,
      End: jobs.total - 1
    };
    const row = jobs.at(place);
    const isOnRow = event.target === event.currentTarget;
    if (event.key in moves) {
      select(moves[event.key]);
      scroller.current?.focus();
    } else if (event.key === 'Enter' && isOnRow && row) {
      props.onOpen(row);
    } else if ((event.key === 'ContextMenu' || (event.shiftKey && event.key === 'F10')) && row) {
      const box = document.getElementById(`${id}${place}`)?.getBoundingClientRect();
      props.onMenu(row, (box?.left ?? 0) + 24, box?.bottom ?? 0);
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  };

  const indices = Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => first + i);
  return (
    <div
      ref={scroller}
      className="jp-cloudml-Jobs-scroller"
      role="grid"
      tabIndex={0}
      aria-label={trans.__('Jobs')}
      aria-rowcount={jobs.total}
      aria-activedescendant={jobs.total > 0 ? `${id}${place}` : undefined}
      onKeyDown={onKeyDown}
    >
      <div role="presentation" style={{ height: jobs.total * rowHeight, position: 'relative' }}>
        {indices.map(index => {
          const row = jobs.at(index);
          const place_ = { top: index * rowHeight, height: rowHeight };
          return row ? (
            <Row
              key={row.id}
              id={`${id}${index}`}
              row={row}
              index={index}
              style={place_}
              isCompact={isCompact}
              isCurrent={index === place}
              elapsed={jobs.elapsed(row, now)}
              progress={isFinal(row.state) ? null : jobs.progress(row.id)}
              now={now}
              trans={trans}
              onSelect={() => setCurrent(row.id)}
              onOpen={props.onOpen}
              onAction={props.onAction}
              onMenu={props.onMenu}
            />
          ) : (
            <div key={index} className="jp-cloudml-Job jp-mod-waiting" style={place_} role="row">
              <span role="gridcell" aria-label={trans.__('Loading…')} />
            </div>
          );
        })}
      </div>
    </div>
  );
}

interface RowProps {
  id: string;
  row: JobRow;
  index: number;
  style: React.CSSProperties;
  isCompact: boolean;
  isCurrent: boolean;
  elapsed: number | null;
  progress: number | null;
  now: number;
  trans: TranslationBundle;
  onSelect: () => void;
  onOpen: (row: JobRow) => void;
  onAction: (row: JobRow, action: JobAction) => void;
  onMenu: (row: JobRow, x: number, y: number) => void;
}

function Row(props: RowProps): React.JSX.Element {
  const { row, trans, isCurrent, progress } = props;
  const name = row.name || row.source_head || row.id;
  const said = saying(row, trans);
  const tabIndex = isCurrent ? 0 : -1;
  return (
    // the grid itself takes the keys of its rows (aria-activedescendant)
    // eslint-disable-next-line jsx-a11y/click-events-have-key-events, jsx-a11y/interactive-supports-focus
    <div
      id={props.id}
      role="row"
      aria-rowindex={props.index + 1}
      aria-selected={isCurrent}
      className={`jp-cloudml-Job${props.isCompact ? ' jp-mod-compact' : ''}`}
      data-state={row.state}
      data-job={row.id}
      style={props.style}
      title={`${name}\n${row.id}${said ? `\n${said}` : ''}`}
      onMouseDown={props.onSelect}
      onClick={() => props.onOpen(row)}
      onContextMenu={event => {
        event.preventDefault();
        event.stopPropagation();
        props.onSelect();
        props.onMenu(row, event.clientX, event.clientY);
      }}
    >
      <span role="gridcell" className="jp-cloudml-Job-mark">
        <StateMark state={row.state} trans={trans} />
      </span>
      <span role="gridcell" className={`jp-cloudml-Job-name${row.name ? '' : ' jp-mod-code'}`}>
        {name}
      </span>
      <span role="gridcell" className="jp-cloudml-Job-time">
        {progress !== null && (
          <span className="jp-cloudml-Job-part">{Math.floor(progress * 100)} %</span>
        )}
        {props.elapsed !== null && clock(props.elapsed)}
      </span>
      {!props.isCompact && (
        <span role="gridcell" className="jp-cloudml-Job-more">
          <span className="jp-cloudml-Job-where">{place(row)}</span>
          <span className="jp-cloudml-Job-said">{said}</span>
          <span className="jp-cloudml-Job-ago">{ago(row.created_at, props.now, trans)}</span>
        </span>
      )}
      <span role="gridcell" className="jp-cloudml-Job-actions">
        {actions(row, trans).map(({ action, label, icon }) => (
          <IconButton
            key={action}
            label={label}
            icon={icon}
            tabIndex={tabIndex}
            onClick={() => props.onAction(row, action)}
          />
        ))}
        <IconButton
          label={trans.__('More actions')}
          icon={ellipsesIcon}
          tabIndex={tabIndex}
          hasMenu
          onClick={event => {
            const box = event.currentTarget.getBoundingClientRect();
            props.onMenu(row, box.left, box.bottom);
          }}
        />
      </span>
      {progress !== null && (
        <span
          className="jp-cloudml-Job-bar"
          role="presentation"
          style={{ transform: `scaleX(${progress})` }}
        />
      )}
    </div>
  );
}

function IconButton(props: {
  label: string;
  icon: LabIcon;
  tabIndex: number;
  hasMenu?: boolean;
  onClick: (event: React.MouseEvent<HTMLButtonElement>) => void;
}): React.JSX.Element {
  return (
    <button
      type="button"
      className="jp-cloudml-IconButton"
      title={props.label}
      aria-label={props.label}
      aria-haspopup={props.hasMenu ? 'menu' : undefined}
      tabIndex={props.tabIndex}
      onMouseDown={event => event.stopPropagation()}
      onClick={event => {
        event.stopPropagation();
        props.onClick(event);
      }}
    >
      <props.icon.react tag="span" width="14px" height="14px" />
    </button>
  );
}

/** The place of the current row, which keeps to its job while others come and go above it. */
function currentPlace(
  jobs: JobSource,
  current: string | number,
  first: number,
  last: number
): number {
  if (typeof current === 'string') {
    for (let index = Math.max(0, first); index <= last; index++) {
      if (jobs.at(index)?.id === current) {
        return index;
      }
    }
    return Math.max(0, first);
  }
  return Math.max(0, Math.min(current, jobs.total - 1));
}

function place(row: JobRow): string {
  return [row.target, PathExt.basename(row.notebook)].filter(Boolean).join(' · ');
}

/** Why it waits, or what went wrong. */
function saying(row: JobRow, trans: TranslationBundle): string {
  if (row.state === 'FAILED' || row.state === 'LOST') {
    return row.error || row.reason;
  }
  if (!isFinal(row.state) && row.intent === 'cancel') {
    return trans.__('is asked to stop');
  }
  return isFinal(row.state) ? '' : row.reason;
}

function actions(
  row: JobRow,
  trans: TranslationBundle
): { action: JobAction; label: string; icon: LabIcon }[] {
  if (!isFinal(row.state)) {
    return [{ action: 'cancel', label: trans.__('Cancel'), icon: stopIcon }];
  }
  const retry = { action: 'retry' as const, label: trans.__('Run again'), icon: refreshIcon };
  const pull = {
    action: 'pull' as const,
    label: trans.__('Pull the results into the notebook'),
    icon: downloadIcon
  };
  return row.state === 'SUCCEEDED' ? [pull, retry] : [retry];
}
