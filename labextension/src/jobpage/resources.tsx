import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import type { ResourceSample } from '../api/types';
import { Chart, duration, size, type Curve, type Point } from '../charts';
import { Failed, Loading, Nothing } from '../components/notice';
import type { PageModel } from './model';

/** CPU, memory and GPUs over the time of the job. */
export function ResourcesTab(props: {
  model: PageModel;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { model, trans } = props;
  React.useEffect(() => model.resources.want(), [model]);
  const { value, error } = model.resources;
  const drawn = React.useMemo(() => (value ? curvesOf(value, trans) : []), [value, trans]);
  if (value === null) {
    return error ? (
      <Failed error={error} trans={trans} onRetry={() => model.resources.refresh()} />
    ) : (
      <Loading trans={trans} />
    );
  }
  if (!drawn.length) {
    return (
      <Nothing
        title={trans.__('No samples')}
        hint={trans.__('They are taken once a second while the job runs.')}
      />
    );
  }
  return (
    <div className="jp-cloudml-Page-charts">
      {drawn.map(chart => (
        <Chart
          key={chart.title}
          title={chart.title}
          curves={chart.curves}
          xText={x => duration(x, trans)}
          yText={chart.yText}
          height={160}
          trans={trans}
        />
      ))}
    </div>
  );
}

function curvesOf(
  samples: readonly ResourceSample[],
  trans: TranslationBundle
): { title: string; curves: Curve[]; yText: (y: number) => string }[] {
  const began = samples[0]?.t ?? 0;
  const along = (of: (sample: ResourceSample) => unknown): Point[] =>
    samples.flatMap(sample => {
      const value = of(sample);
      return typeof value === 'number' && sample.t !== undefined
        ? [[sample.t - began, value] as const]
        : [];
    });
  const gpus = [...new Set(samples.flatMap(({ gpus }) => (gpus ?? []).map(({ i }) => i)))].sort(
    (a, b) => a - b
  );
  const ofGpus = (key: 'util' | 'mem' | 'watts'): Curve[] =>
    gpus.map(i => ({
      id: `gpu${i}`,
      label: trans.__('GPU %1', i),
      points: along(sample => sample.gpus?.find(gpu => gpu.i === i)?.[key])
    }));
  const percent = (y: number): string => `${Math.round(y)}%`;
  const charts = [
    {
      title: trans.__('CPU'),
      curves: [{ id: 'cpu', label: trans.__('CPU'), points: along(s => s.cpu) }],
      yText: percent
    },
    {
      title: trans.__('Memory'),
      curves: [{ id: 'rss', label: trans.__('Memory'), points: along(s => s.rss) }],
      yText: size
    },
    { title: trans.__('GPU'), curves: ofGpus('util'), yText: percent },
    { title: trans.__('GPU memory'), curves: ofGpus('mem'), yText: size },
    {
      title: trans.__('GPU power'),
      curves: ofGpus('watts'),
      yText: (y: number) => `${Math.round(y)} W`
    }
  ];
  return charts.filter(({ curves }) => curves.some(({ points }) => points.length));
}
