import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import type { GpuSample, ResourceSample } from '../api/types';
import { size, Sparkline, type Point } from '../charts';

/** The last minutes of a job's resources, oldest first. */
export type Samples = readonly ResourceSample[];

const WIDTH = 72;
const HEIGHT = 18;

/** CPU, memory and every GPU: a word, a figure, and the last minutes as a strip. */
export function ResourceStrips(props: {
  samples: Samples;
  last: ResourceSample;
  trans: TranslationBundle;
}): React.JSX.Element | null {
  const { samples, last, trans } = props;
  const strips: React.JSX.Element[] = [];
  const add = (name: string, text: string, points: Point[], range?: [number, number]): void => {
    strips.push(<Strip key={name} name={name} text={text} points={points} range={range} />);
  };
  if (typeof last.cpu === 'number') {
    const top = Math.max(100, ...samples.map(s => s.cpu ?? 0));
    add(
      trans.__('CPU'),
      `${last.cpu.toFixed(0)}%`,
      along(samples, s => s.cpu),
      [0, top]
    );
  }
  if (last.rss) {
    const top = Math.max(last.rss, ...samples.map(s => s.rss ?? 0)) * 1.1;
    add(
      trans.__('Memory'),
      size(last.rss),
      along(samples, s => s.rss),
      [0, top]
    );
  }
  for (const gpu of last.gpus ?? []) {
    const points = along(samples, s => s.gpus?.find(other => other.i === gpu.i)?.util);
    add(trans.__('GPU %1', gpu.i), gpuText(gpu, trans), points, [0, 100]);
  }
  return strips.length ? <ul className="jp-cloudml-Strips">{strips}</ul> : null;
}

function Strip(props: {
  name: string;
  text: string;
  points: Point[];
  range?: [number, number];
}): React.JSX.Element {
  const { name, text, points, range } = props;
  return (
    <li className="jp-cloudml-Strip">
      <span className="jp-cloudml-dim">{name}</span>
      <Sparkline
        points={points}
        label={`${name} ${text}`}
        width={WIDTH}
        height={HEIGHT}
        range={range}
        isFilled
      />
      <span className="jp-cloudml-Number">{text}</span>
    </li>
  );
}

function along(samples: Samples, of: (sample: ResourceSample) => number | undefined): Point[] {
  return samples.flatMap(sample => {
    const value = of(sample);
    return value === undefined || sample.t === undefined ? [] : [[sample.t, value] as const];
  });
}

/** `87%, 3.4 GiB of 15 GiB, 61 W`: what the device tells. */
export function gpuText(gpu: GpuSample, trans: TranslationBundle): string {
  const words = [`${(gpu.util ?? 0).toFixed(0)}%`];
  if (gpu.mem_total) {
    words.push(trans.__('%1 of %2', size(gpu.mem ?? 0), size(gpu.mem_total)));
  }
  if (gpu.watts) {
    words.push(`${gpu.watts.toFixed(0)} W`);
  }
  return words.join(', ');
}
