import { ServerConnection } from '@jupyterlab/services';

import { NAME, quickstartIn } from './open';

jest.mock('./notebook', () => ({ quickstart: async () => ({ cells: [], nbformat: 4 }) }));

const refusal = (status: number): Error =>
  new ServerConnection.ResponseError(new Response('', { status }));

describe('the quickstart', () => {
  it('is written where there is none', async () => {
    const contents = { get: jest.fn().mockRejectedValue(refusal(404)), save: jest.fn() };
    expect(await quickstartIn('work', contents)).toBe(`work/${NAME}`);
    expect(contents.save).toHaveBeenCalledWith(
      `work/${NAME}`,
      expect.objectContaining({ type: 'notebook', content: { cells: [], nbformat: 4 } })
    );
  });

  it('leaves the copy that a user has worked on alone', async () => {
    const contents = { get: jest.fn().mockResolvedValue({}), save: jest.fn() };
    expect(await quickstartIn('', contents)).toBe(NAME);
    expect(contents.save).not.toHaveBeenCalled();
  });

  it('writes nothing where it cannot look', async () => {
    const contents = { get: jest.fn().mockRejectedValue(refusal(403)), save: jest.fn() };
    await expect(quickstartIn('', contents)).rejects.toThrow();
    expect(contents.save).not.toHaveBeenCalled();
  });
});
