import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';

import { ApiError } from './client';

/** One store of `cloudml.toml`, or the server's own folder (`files`). */
export interface DataStore {
  name: string;
  /** What is in it begins with this; it ends with a slash. */
  uri: string;
  kind: string;
}

export interface DataStores {
  stores: DataStore[];
  /** The file in which more can be named. */
  config: string;
}

/** An object, or a prefix (its name ends with a slash). */
export interface DataItem {
  uri: string;
  name: string;
  is_prefix: boolean;
  size: number | null;
  modified: string | null;
  etag: string | null;
  /** Of a file on the server's disk. */
  path: string | null;
}

export interface DataPage {
  items: DataItem[];
  /** What to list on after; null at the end. */
  next: string | null;
}

export type Cell = string | number | boolean | null;

/** The head of an object: columns and rows of a table, or the first lines of a text. */
export interface DataHead extends DataItem {
  format: string;
  columns: { name: string; type: string }[];
  rows: Cell[][];
  total_rows: number | null;
  text: string;
}

/** Called with the bytes that have moved, and how many there are. */
export type OnBytes = (done: number, total: number) => void;

const ROOT = 'cloudml/data';

/** The routes of data. Every method fails with an `ApiError`; one that was aborted, with the signal's reason. */
export class DataApi {
  constructor(readonly serverSettings: ServerConnection.ISettings) {}

  stores(signal?: AbortSignal): Promise<DataStores> {
    return this._json<DataStores>('stores', {}, { signal });
  }

  list(uri: string, after = '', signal?: AbortSignal): Promise<DataPage> {
    return this._json<DataPage>('list', { uri, after }, { signal });
  }

  head(uri: string, signal?: AbortSignal): Promise<DataHead> {
    return this._json<DataHead>('head', { uri }, { signal });
  }

  async remove(uri: string): Promise<void> {
    await this._json('remove', {}, { method: 'POST', body: JSON.stringify({ uri }) });
  }

  /** Where a browser fetches the object's bytes by itself. */
  link(uri: string): string {
    return this._url('object', { uri });
  }

  /** The object's bytes, gathered in the browser. */
  async download(uri: string, onBytes: OnBytes, signal?: AbortSignal): Promise<Blob> {
    const response = await this._fetch('object', { uri }, { signal });
    const total = Number(response.headers.get('Content-Length') ?? 0);
    const reader = response.body?.getReader();
    const parts: BlobPart[] = [];
    let done = 0;
    for (;;) {
      const piece = await reader?.read();
      if (!piece || piece.done) {
        break;
      }
      parts.push(piece.value);
      done += piece.value.byteLength;
      onBytes(done, total);
    }
    if (done < total) {
      throw new ApiError('The download broke off', 0, 'Try again');
    }
    return new Blob(parts);
  }

  /** Stores a file as one object. Fails with status 409 where one is there, unless it may be replaced. */
  upload(
    uri: string,
    file: Blob,
    options: { replace: boolean; onBytes: OnBytes; signal?: AbortSignal }
  ): Promise<DataItem> {
    const { replace, onBytes, signal } = options;
    // fetch has no progress of what it sends
    const request = new XMLHttpRequest();
    request.open('PUT', this._url('upload', { uri, replace: String(replace) }));
    const { token } = this.serverSettings;
    if (token) {
      request.setRequestHeader('Authorization', `token ${token}`);
    }
    const xsrf = /(?:^|; )_xsrf=([^;]*)/.exec(document.cookie);
    if (xsrf) {
      request.setRequestHeader('X-XSRFToken', xsrf[1]);
    }
    request.setRequestHeader('Content-Type', 'application/octet-stream');
    request.withCredentials = true;
    request.upload.onprogress = event => onBytes(event.loaded, file.size);
    signal?.addEventListener('abort', () => request.abort());
    return new Promise((resolve, reject) => {
      request.onload = () => {
        if (request.status === 200) {
          resolve(JSON.parse(request.responseText) as DataItem);
        } else {
          reject(refusal(request.status, request.responseText));
        }
      };
      request.onerror = () => reject(new ApiError('The Jupyter server cannot be reached', 0));
      request.onabort = () => reject(new DOMException('The upload was cancelled', 'AbortError'));
      request.send(file);
    });
  }

  private async _json<T>(
    path: string,
    query: Record<string, string>,
    init: RequestInit
  ): Promise<T> {
    return (await (await this._fetch(path, query, init)).json()) as T;
  }

  private async _fetch(
    path: string,
    query: Record<string, string>,
    init: RequestInit
  ): Promise<Response> {
    let response: Response;
    try {
      const url = this._url(path, query);
      response = await ServerConnection.makeRequest(url, init, this.serverSettings);
    } catch (error) {
      if (init.signal?.aborted) {
        throw error;
      }
      throw new ApiError('The Jupyter server cannot be reached', 0);
    }
    if (!response.ok) {
      throw refusal(response.status, await response.text());
    }
    return response;
  }

  private _url(path: string, query: Record<string, string>): string {
    const pairs = Object.entries(query).filter(([, value]) => value !== '');
    const words = new URLSearchParams(pairs).toString();
    const url = URLExt.join(this.serverSettings.baseUrl, ROOT, path);
    return words ? `${url}?${words}` : url;
  }
}

function refusal(status: number, text: string): ApiError {
  let said: { message?: unknown; hint?: unknown; code?: unknown } = {};
  try {
    said = JSON.parse(text) as typeof said;
  } catch {
    // a proxy's own page, not ours: the status must do
  }
  const word = (value: unknown): string => (typeof value === 'string' ? value : '');
  const message = word(said.message) || `The server answered ${status}`;
  return new ApiError(message, status, word(said.hint), word(said.code));
}
