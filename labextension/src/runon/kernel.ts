import type { Kernel } from '@jupyterlab/services';

/**
 * `%load_ext` without its words: binds no name, prints nothing, does nothing the second time.
 */
export const LOAD = 'get_ipython().extension_manager.load_extension("jupyter_cloudml")';

/** What came of it: `missing` says that the kernel's Python has no jupyter_cloudml. */
export type Loaded = 'loaded' | 'missing' | 'failed';

/**
 * Loads our magics in a kernel, in its queue before every request that is sent after this call.
 *
 * It leaves no trace in the history, the counter or the namespace; a failure stops no other cell. Never rejects.
 */
export async function loadMagics(
  kernel: Pick<Kernel.IKernelConnection, 'requestExecute'>
): Promise<Loaded> {
  try {
    const future = kernel.requestExecute({
      code: LOAD,
      silent: true,
      store_history: false,
      allow_stdin: false,
      stop_on_error: false
    });
    const { content } = await future.done;
    if (content.status === 'error') {
      return content.ename === 'ModuleNotFoundError' ? 'missing' : 'failed';
    }
    return content.status === 'ok' ? 'loaded' : 'failed';
  } catch {
    // the kernel died or was restarted: the cell behind it tells that
    return 'failed';
  }
}
