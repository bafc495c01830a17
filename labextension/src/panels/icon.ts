import { LabIcon } from '@jupyterlab/ui-components';

import svgstr from '../../style/cloudml.svg';

/** A cloud with a run mark; its colour is the theme's. */
export const cloudmlIcon = new LabIcon({ name: 'jupyter-cloudml:icon', svgstr });
