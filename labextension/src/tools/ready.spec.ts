import { whenReady } from './ready';

const noWait = (): Promise<void> => Promise.resolve();

describe('waiting for a tool', () => {
  it('asks until it is ready', async () => {
    const openTool = jest
      .fn()
      .mockResolvedValueOnce({ url: '/proxy/1/', state: 'starting' })
      .mockResolvedValueOnce({ url: '/proxy/1/', state: 'ready' });
    expect(await whenReady({ openTool }, 'tensorboard', { logdir: 'runs' }, noWait)).toBe(
      '/proxy/1/'
    );
    expect(openTool).toHaveBeenCalledTimes(2);
    expect(openTool).toHaveBeenCalledWith('tensorboard', { logdir: 'runs' });
  });

  it('gives up after a while', async () => {
    const openTool = jest.fn().mockResolvedValue({ url: '', state: 'starting' });
    await expect(whenReady({ openTool }, 'mlflow', {}, noWait)).rejects.toThrow('did not start');
  });

  it('passes a refusal on', async () => {
    const openTool = jest.fn().mockRejectedValue(new Error('no permission'));
    await expect(whenReady({ openTool }, 'mlflow', {}, noWait)).rejects.toThrow('no permission');
  });
});
