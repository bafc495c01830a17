import type { TranslationBundle } from '@jupyterlab/translation';
import { searchIcon } from '@jupyterlab/ui-components';
import { PathExt } from '@jupyterlab/coreutils';
import * as React from 'react';

import type { JobState } from '../api/types';
import type { JobFilter as Filter } from '../model/jobs';
import { StateShape } from './statemark';

const PAUSE_MS = 200;

/** States that people look for together. */
export const GROUPS: readonly (readonly JobState[])[] = [
  ['QUEUED', 'STARTING', 'RUNNING', 'STOPPING'],
  ['SUCCEEDED'],
  ['FAILED', 'LOST'],
  ['CANCELLED']
];

/** The shape that stands for each group. */
const SHOWN: readonly JobState[] = ['RUNNING', 'SUCCEEDED', 'FAILED', 'CANCELLED'];

export interface JobFilterProps {
  filter: Filter;
  counts: Readonly<Partial<Record<JobState, number>>>;
  notebooks: readonly string[];
  experiments: readonly string[];
  trans: TranslationBundle;
  onFilter: (part: Partial<Filter>) => void;
}

/** One line of text search, one of states with their counts, and choices of notebook and experiment. */
export function JobFilter(props: JobFilterProps): React.JSX.Element {
  const { filter, trans, counts } = props;
  const labels = [trans.__('Active'), trans.__('Done'), trans.__('Failed'), trans.__('Cancelled')];
  return (
    <div className="jp-cloudml-Filter" role="search" aria-label={trans.__('Filter jobs')}>
      <Search
        value={filter.text}
        label={trans.__('Search jobs')}
        onChange={text => props.onFilter({ text })}
      />
      <div className="jp-cloudml-Filter-line">
        <Choice
          label={trans.__('Notebook')}
          all={trans.__('All notebooks')}
          value={filter.notebook}
          options={props.notebooks}
          text={PathExt.basename}
          onChange={notebook => props.onFilter({ notebook })}
        />
        <Choice
          label={trans.__('Experiment')}
          all={trans.__('All experiments')}
          value={filter.experiment}
          options={props.experiments}
          onChange={experiment => props.onFilter({ experiment })}
        />
      </div>
      <div className="jp-cloudml-Filter-states" role="group" aria-label={trans.__('State')}>
        {GROUPS.map((states, i) => {
          const n = states.reduce((sum, state) => sum + (counts[state] ?? 0), 0);
          const isOn = filter.states.join() === states.join();
          const label = trans.__('%1: %2', labels[i], n);
          return (
            <button
              key={states[0]}
              type="button"
              className="jp-cloudml-Chip"
              aria-pressed={isOn}
              aria-label={label}
              title={label}
              onClick={() => props.onFilter({ states: isOn ? [] : states })}
            >
              <StateShape state={SHOWN[i]} />
              <span>{n}</span>
            </button>
          );
        })}
      </div>
    </div>
  );
}

/** A search box that waits until the typing pauses. */
export function Search(props: {
  value: string;
  label: string;
  onChange: (text: string) => void;
}): React.JSX.Element {
  const [text, setText] = React.useState(props.value);
  const timer = React.useRef<number>();
  React.useEffect(() => setText(props.value), [props.value]);
  React.useEffect(() => () => window.clearTimeout(timer.current), []);
  const say = (next: string): void => {
    setText(next);
    window.clearTimeout(timer.current);
    timer.current = window.setTimeout(() => props.onChange(next), PAUSE_MS);
  };
  return (
    <label className="jp-cloudml-Search">
      <searchIcon.react tag="span" width="14px" height="14px" />
      <input
        type="search"
        aria-label={props.label}
        placeholder={props.label}
        value={text}
        spellCheck={false}
        onChange={event => say(event.target.value)}
      />
    </label>
  );
}

/** A native choice among names, the first of which means all. */
export function Choice(props: {
  label: string;
  all?: string;
  value: string;
  options: readonly string[];
  text?: (option: string) => string;
  onChange: (value: string) => void;
}): React.JSX.Element {
  const { value, text = (option: string) => option } = props;
  const options =
    value && !props.options.includes(value) ? [value, ...props.options] : props.options;
  return (
    <select
      className="jp-cloudml-Choice"
      aria-label={props.label}
      title={value || props.label}
      value={value}
      onChange={event => props.onChange(event.target.value)}
    >
      {props.all !== undefined && <option value="">{props.all}</option>}
      {options.map(option => (
        <option key={option} value={option}>
          {text(option)}
        </option>
      ))}
    </select>
  );
}
