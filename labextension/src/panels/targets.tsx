import { refreshIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

import { Failed, Loading, Nothing } from '../components/notice';
import { TargetList } from '../components/targetlist';
import { TargetsModel } from '../model/targets';
import { Section } from './section';
import type { Host } from './sidebar';

/** Where jobs can run, and what is free there. */
export function targetsSection({ cloudml }: Host): Section {
  const { trans } = cloudml;
  const model = new TargetsModel(cloudml.api, cloudml.stream);
  const section = new Section({
    id: 'jp-cloudml-targets',
    title: trans.__('Targets'),
    model,
    view: () => {
      if (model.phase === 'error') {
        return <Failed error={model.error} trans={trans} onRetry={() => void model.refresh()} />;
      }
      if (model.phase !== 'ready') {
        return <Loading trans={trans} />;
      }
      if (model.targets.length === 0) {
        return (
          <Nothing
            title={trans.__('No targets')}
            hint={trans.__('Name one in cloudml.toml:')}
            code="[targets.local.default]"
          />
        );
      }
      return <TargetList targets={model.targets} trans={trans} />;
    }
  });
  section.addTool('refresh', refreshIcon, trans.__('Refresh'), () => void model.refresh());
  section.disposed.connect(() => model.dispose());
  return section;
}
