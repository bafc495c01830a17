import type { Kernel, KernelMessage } from '@jupyterlab/services';

import { isJobId } from './stored';

/** Every kernel process has a session of its own, which its messages name: a restarted kernel is another one. */
const sessions = new WeakMap<Kernel.IKernelConnection, string>();
const heard = new WeakSet<Kernel.IKernelConnection>();

/** Remember, from now on, which process is behind `kernel`. */
export function hearSession(kernel: Kernel.IKernelConnection): void {
  if (heard.has(kernel)) {
    return;
  }
  heard.add(kernel);
  kernel.iopubMessage.connect((_, message) => {
    sessions.set(kernel, message.header.session);
  });
}

/** The session of the process behind `kernel`; undefined until it has said something. */
export function sessionOf(kernel: Kernel.IKernelConnection): string | undefined {
  return sessions.get(kernel);
}

/** Runs `%cloudpull` in `kernel`; what it printed. Rejects with what it raised, and what is no job's id. */
export async function bindResults(
  kernel: Kernel.IKernelConnection,
  jobId: string
): Promise<string> {
  if (!isJobId(jobId)) {
    throw new Error(`${JSON.stringify(jobId)} is not the id of a job`);
  }
  const code = [
    'if "cloudpull" not in get_ipython().magics_manager.magics["line"]:',
    '    get_ipython().run_line_magic("load_ext", "jupyter_cloudml")',
    `get_ipython().run_line_magic("cloudpull", ${JSON.stringify(jobId)})`
  ].join('\n');
  const future = kernel.requestExecute({ code, store_history: false, allow_stdin: false });
  let printed = '';
  future.onIOPub = message => {
    if (message.header.msg_type === 'stream') {
      printed += (message as KernelMessage.IStreamMsg).content.text;
    }
  };
  const reply = await future.done;
  if (reply.content.status === 'error') {
    throw new Error(reply.content.evalue || reply.content.ename);
  }
  if (reply.content.status !== 'ok') {
    throw new Error(printed || reply.content.status);
  }
  return printed.trim();
}
