import { PathExt } from '@jupyterlab/coreutils';
import type { Contents } from '@jupyterlab/services';
import { ServerConnection } from '@jupyterlab/services';

import { quickstart } from './notebook';

export const NAME = 'cloudml-quickstart.ipynb';

/**
 * The path of the quickstart in this folder: the user's own copy where there is one, else a new one.
 *
 * An existing file is never written to.
 */
export async function quickstartIn(
  folder: string,
  contents: Pick<Contents.IManager, 'get' | 'save'>
): Promise<string> {
  const path = PathExt.join(folder, NAME);
  try {
    await contents.get(path, { content: false });
    return path;
  } catch (error) {
    if (!(error instanceof ServerConnection.ResponseError && error.response.status === 404)) {
      throw error;
    }
  }
  await contents.save(path, {
    type: 'notebook',
    format: 'json',
    content: await quickstart()
  });
  return path;
}
