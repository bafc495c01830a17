import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import type { DataHead as Head } from '../api/data';
import { number, size } from '../charts/format';

/** What a file holds: its columns with their types, its first rows; or the first lines of a text. */
export function DataHead(props: { head: Head; trans: TranslationBundle }): React.JSX.Element {
  const { head, trans } = props;
  const facts = [head.format, head.size === null ? '' : size(head.size)];
  if (head.total_rows !== null) {
    facts.push(trans._n('%2 row', '%2 rows', head.total_rows, number(head.total_rows)));
  }
  if (head.columns.length > 0) {
    facts.push(trans._n('%1 column', '%1 columns', head.columns.length));
  }
  return (
    <div className="jp-cloudml-DataHead">
      <p className="jp-cloudml-DataHead-facts">{facts.filter(Boolean).join(' · ')}</p>
      {head.columns.length > 0 ? (
        <div
          className="jp-cloudml-DataHead-scroller"
          // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- what scrolls must be reachable by key
          tabIndex={0}
          role="region"
          aria-label={trans.__('Rows')}
        >
          <table aria-label={trans.__('First rows of %1', head.name)}>
            <thead>
              <tr>
                {head.columns.map(({ name, type }) => (
                  <th key={name} scope="col">
                    {name}
                    <span className="jp-cloudml-DataHead-type">{type}</span>
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {head.rows.map((row, i) => (
                <tr key={i}>
                  {row.map((cell, j) => (
                    <td
                      key={head.columns[j]?.name ?? j}
                      className={typeof cell === 'number' ? 'jp-mod-number' : undefined}
                    >
                      {cell === null ? (
                        <span className="jp-cloudml-DataHead-null">{trans.__('null')}</span>
                      ) : (
                        String(cell)
                      )}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      ) : head.text ? (
        <pre
          className="jp-cloudml-DataHead-text"
          // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- what scrolls must be reachable by key
          tabIndex={0}
          role="region"
          aria-label={trans.__('First lines of %1', head.name)}
        >
          {head.text}
        </pre>
      ) : (
        <p>{trans.__('There is nothing in it.')}</p>
      )}
    </div>
  );
}
