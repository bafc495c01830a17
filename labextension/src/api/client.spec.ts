import { ServerConnection } from '@jupyterlab/services';

import { ApiError, CloudMLApi } from './client';

function api(answer: () => Promise<Response>): { api: CloudMLApi; urls: string[] } {
  const urls: string[] = [];
  const fetch = async (input: RequestInfo | URL): Promise<Response> => {
    urls.push(new URL((input as Request).url).pathname + new URL((input as Request).url).search);
    return answer();
  };
  const settings = ServerConnection.makeSettings({
    baseUrl: 'http://localhost:8888/user/me/',
    fetch: fetch as typeof globalThis.fetch
  });
  return { api: new CloudMLApi(settings), urls };
}

const json = (body: unknown, status = 200): Promise<Response> =>
  Promise.resolve(new Response(JSON.stringify(body), { status }));

describe('the client of the routes', () => {
  it('leaves out what was not asked and joins states', async () => {
    const { api: client, urls } = api(() => json({ jobs: [], total: 0, counts: {}, seq: 1 }));
    await client.listJobs({ state: ['RUNNING', 'QUEUED'], text: '', limit: 5 });
    expect(urls[0]).toMatch(/^\/user\/me\/cloudml\/jobs\?state=RUNNING%2CQUEUED&limit=5(&\d+)?$/);
  });

  it('keeps an id inside its place in the path', async () => {
    const { api: client, urls } = api(() => json({ job: {} }));
    await client.job('../../api/contents?x');
    expect(urls[0]).toContain('/cloudml/jobs/..%2F..%2Fapi%2Fcontents%3Fx');
  });

  it('fails with the sentence and the hint of the server', async () => {
    const { api: client } = api(() => json({ message: 'No job x', hint: 'see the list' }, 404));
    const failure = await client.job('x').catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(ApiError);
    expect(failure).toMatchObject({ message: 'No job x', hint: 'see the list', status: 404 });
  });

  it('says so when a proxy answers in place of the server', async () => {
    const { api: client } = api(async () => new Response('<html>', { status: 502 }));
    await expect(client.targets()).rejects.toThrow('The server answered 502');
  });

  it('says so when there is no server', async () => {
    const { api: client } = api(() => Promise.reject(new TypeError('failed to fetch')));
    await expect(client.config()).rejects.toThrow('The Jupyter server cannot be reached');
  });
});
