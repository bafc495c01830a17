import type { INotebookContent } from '@jupyterlab/nbformat';

/** The quickstart as the repository has it, a chunk of its own that is loaded when somebody opens it. */
export async function quickstart(): Promise<INotebookContent> {
  return (await import('../../../notebooks/quickstart.ipynb')).default;
}
