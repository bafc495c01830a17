import type { CloudMLApi } from '../api/client';
import type { ToolName } from '../api/types';

/** How long a tool may take to start, and how long we wait between two looks. */
export const START_LIMIT_S = 90;
const LOOK_MS = 500;

/**
 * Starts the tool where it does not run and resolves with its address once it answers.
 *
 * @param wait - Resolves after so many milliseconds; the clock of tests.
 * @throws ApiError as the server says, Error where the tool does not answer in time.
 */
export async function whenReady(
  api: Pick<CloudMLApi, 'openTool'>,
  name: ToolName,
  options: { logdir?: string } = {},
  wait: (ms: number) => Promise<void> = ms => new Promise(resolve => setTimeout(resolve, ms))
): Promise<string> {
  for (let looks = 0; looks * LOOK_MS <= START_LIMIT_S * 1000; looks++) {
    const tool = await api.openTool(name, options);
    if (tool.state === 'ready') {
      return tool.url;
    }
    await wait(LOOK_MS);
  }
  throw new Error(`${name} did not start within ${START_LIMIT_S} s`);
}
