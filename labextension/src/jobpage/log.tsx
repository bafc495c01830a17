import type { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import { drawn, spans } from '../outputs/ansi';
import type { OutputFeed } from '../outputs/feed';
import { Heights } from './heights';
import { Rich } from './rich';
import { Rows, type Row } from './rows';
import { useSignal } from './signals';

const LINE_PX = 18;
const OVERSCAN = 20;

/**
 * All output of a job: only what is in sight is drawn. Follows the end until one scrolls up; search goes through
 * everything, also what was never drawn.
 */
export function Log(props: {
  feed: OutputFeed;
  isOver: boolean;
  rendermime: IRenderMimeRegistry;
  fileName: string;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { feed, trans } = props;
  useSignal(feed.changed);
  const rows = React.useMemo(() => new Rows(feed.fold), [feed]);
  const heights = React.useMemo(() => new Heights(LINE_PX), []);
  const [isFollowing, setIsFollowing] = React.useState(!props.isOver);
  const [words, setWords] = React.useState('');
  const [hit, setHit] = React.useState(0);
  const scroller = React.useRef<HTMLDivElement>(null);
  const [view, setView] = React.useState({ top: 0, height: 600 });
  const [, measured] = React.useReducer((n: number) => n + 1, 0);

  rows.update();
  heights.tall = rows.rich;
  const hits = rows.find(words);
  const current = hits.length ? Math.min(hit, hits.length - 1) : -1;
  const total = heights.top(rows.length);

  const look = React.useCallback((): void => {
    const element = scroller.current;
    if (element) {
      setView({ top: element.scrollTop, height: element.clientHeight || 600 });
    }
  }, []);
  React.useLayoutEffect(() => {
    const observer = new ResizeObserver(look);
    if (scroller.current) {
      observer.observe(scroller.current);
    }
    return () => observer.disconnect();
  }, [look]);
  React.useLayoutEffect(() => {
    const element = scroller.current;
    if (element && isFollowing && !words) {
      element.scrollTop = element.scrollHeight;
      look();
    }
  }, [isFollowing, total, words, look]);

  const show = (index: number): void => {
    setHit(index);
    setIsFollowing(false);
    const element = scroller.current;
    if (element && hits[index] !== undefined) {
      element.scrollTop = Math.max(0, heights.top(hits[index]) - element.clientHeight / 2);
      look();
    }
  };
  const step = (by: number): void => show((current + by + hits.length) % hits.length);

  const onScroll = (event: React.UIEvent<HTMLDivElement>): void => {
    const { scrollTop, scrollHeight, clientHeight } = event.currentTarget;
    if (scrollTop < view.top - 1 && scrollTop + clientHeight < scrollHeight - LINE_PX) {
      setIsFollowing(false);
    } else if (scrollTop > view.top && scrollTop + clientHeight >= scrollHeight - 1) {
      setIsFollowing(true);
    }
    look();
  };

  const first = Math.max(0, heights.at(view.top) - OVERSCAN);
  const last = Math.min(rows.length - 1, heights.at(view.top + view.height) + OVERSCAN);
  const inSight = Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => first + i);

  return (
    <div className="jp-cloudml-Log">
      <div className="jp-cloudml-Log-tools" role="toolbar" aria-label={trans.__('Output')}>
        <input
          type="search"
          className="jp-mod-styled"
          aria-label={trans.__('Search the output')}
          placeholder={trans.__('Search the output')}
          value={words}
          onChange={event => {
            setWords(event.target.value);
            setHit(0);
          }}
          onKeyDown={event => {
            if (event.key === 'Enter' && hits.length) {
              step(event.shiftKey ? -1 : 1);
            }
          }}
        />
        <span role="status" className="jp-cloudml-dim jp-cloudml-Number">
          {words &&
            (hits.length ? trans.__('%1 of %2', current + 1, hits.length) : trans.__('not found'))}
        </span>
        <button
          type="button"
          className="jp-cloudml-Button"
          disabled={!hits.length}
          onClick={() => step(-1)}
        >
          {trans.__('Previous')}
        </button>
        <button
          type="button"
          className="jp-cloudml-Button"
          disabled={!hits.length}
          onClick={() => step(1)}
        >
          {trans.__('Next')}
        </button>
        <button
          type="button"
          className="jp-cloudml-Button"
          aria-pressed={isFollowing}
          onClick={() => setIsFollowing(!isFollowing)}
        >
          {trans.__('Follow')}
        </button>
        <button
          type="button"
          className="jp-cloudml-Button"
          disabled={!rows.length}
          onClick={() => download(rows.text(), props.fileName)}
        >
          {trans.__('Download')}
        </button>
        <span className="jp-cloudml-dim jp-cloudml-Number">
          {trans._n('%1 line', '%1 lines', rows.length)}
        </span>
      </div>
      {feed.error && <p className="jp-cloudml-Card-error">{feed.error}</p>}
      {!rows.length && feed.isReady && (
        <p className="jp-cloudml-dim">
          {props.isOver ? trans.__('The job printed nothing.') : trans.__('No output yet.')}
        </p>
      )}
      <div
        ref={scroller}
        className="jp-cloudml-Log-scroller"
        role="log"
        aria-live="off"
        aria-label={trans.__('Output of the job')}
        // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- what scrolls must be reachable by key
        tabIndex={0}
        onScroll={onScroll}
      >
        <div className="jp-cloudml-Log-all" style={{ height: total }}>
          <div
            className="jp-cloudml-Log-window jp-RenderedText"
            style={{ transform: `translateY(${heights.top(first)}px)` }}
          >
            {inSight.map(index => (
              <OneRow
                key={index}
                row={rows.row(index)}
                words={words}
                isCurrent={index === hits[current]}
                rendermime={props.rendermime}
                onHeight={height => {
                  if (heights.measure(index, height)) {
                    measured();
                  }
                }}
              />
            ))}
          </div>
        </div>
      </div>
    </div>
  );
}

function OneRow(props: {
  row: Row;
  words: string;
  isCurrent: boolean;
  rendermime: IRenderMimeRegistry;
  onHeight: (height: number) => void;
}): React.JSX.Element {
  const { row, words, isCurrent } = props;
  if (row.kind === 'rich') {
    return (
      <Rich
        key={row.key}
        output={row.output}
        rendermime={props.rendermime}
        onHeight={props.onHeight}
      />
    );
  }
  const classes = ['jp-cloudml-Log-line', `jp-mod-${row.name}`, isCurrent && 'jp-mod-current'];
  return (
    <pre className={classes.filter(Boolean).join(' ')} style={{ height: LINE_PX }}>
      {spans(row.text, row.look).spans.map((span, i) => (
        <span key={i} {...drawn(span.look)}>
          {marked(span.text, words)}
        </span>
      ))}
    </pre>
  );
}

/** `text` with what was searched for marked. */
function marked(text: string, words: string): React.ReactNode {
  if (!words) {
    return text;
  }
  const wanted = words.toLowerCase();
  const pieces: React.ReactNode[] = [];
  let from = 0;
  for (
    let at = text.toLowerCase().indexOf(wanted);
    at >= 0;
    at = text.toLowerCase().indexOf(wanted, from)
  ) {
    pieces.push(text.slice(from, at), <mark key={at}>{text.slice(at, at + wanted.length)}</mark>);
    from = at + wanted.length;
  }
  return [...pieces, text.slice(from)];
}

function download(text: string, name: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: 'text/plain' }));
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  URL.revokeObjectURL(url);
}
