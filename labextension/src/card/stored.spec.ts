import type { Kernel } from '@jupyterlab/services';

import { jobSnapshot } from '../testing/snapshots';
import { bindResults } from './binding';
import { isJobId, storedSnapshot } from './stored';

const hostile = 'aaaaaaaaaaaa" + str(open("/tmp/x","w").write("x")) + "';

it('takes the card that a kernel wrote', () => {
  const snapshot = jobSnapshot();
  expect(storedSnapshot(snapshot)).toBe(snapshot);
});

it.each([hostile, '../../etc', '', 'AAAAAAAAAAAA', 'aaaaaaaaaaaa\n', 7, null])(
  'draws no card for the id %p',
  id => {
    expect(isJobId(id)).toBe(false);
    expect(storedSnapshot({ ...jobSnapshot(), id })).toBeNull();
  }
);

it.each(['links', 'progress', 'metrics', 'notes', 'resources', 'state'])(
  'draws no card that lacks %s',
  key => {
    expect(storedSnapshot({ ...jobSnapshot(), [key]: undefined })).toBeNull();
  }
);

it('draws no card with a curve that is none', () => {
  expect(storedSnapshot({ ...jobSnapshot(), metrics: { loss: 7 } })).toBeNull();
});

it('sends no code to a kernel for what is no id of a job', async () => {
  const requestExecute = jest.fn();
  const kernel = { requestExecute } as unknown as Kernel.IKernelConnection;
  await expect(bindResults(kernel, hostile)).rejects.toThrow('is not the id of a job');
  expect(requestExecute).not.toHaveBeenCalled();
});
