import { collect } from '../flow/collect.ts';
import { bytesContent, type Content, streamContent } from '../flow/content.ts';
import { digestOf } from '../flow/hash.ts';
import type { Digest } from '../spec/digest.ts';
import { headerLines, headerValue } from '../wire/headers.ts';
import type { HeaderMap, Send } from '../wire/message.ts';

export interface Asked {
  readonly status: number;
  readonly headers: HeaderMap;
  readonly bytes: Uint8Array;
  readonly text: string;
  header(name: string): string | undefined;
  lines(name: string): readonly string[];
}

export interface AskOptions {
  readonly body?: string | Uint8Array | Content;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

export type Ask = (method: string, target: string, options?: AskOptions) => Promise<Asked>;

/** Sends requests directly to a handler and reads the whole answers. */
export function asking(send: Send): Ask {
  return async (method, target, { body, headers = {}, signal } = {}) => {
    const content = typeof body === 'string' ? bytesContent(encode(body)) : toContent(body);
    const length = content?.size === undefined ? {} : { 'content-length': String(content.size) };
    const response = await send({
      method,
      url: target,
      headers: Object.fromEntries(
        Object.entries({ ...length, ...headers }).map(([name, value]) => [name, [value]]),
      ),
      ...(content === undefined ? {} : { body: content }),
      replay: 'never',
      signal,
    });
    const bytes = await collect(response.body, { limit: 64 * 1024 * 1024, what: target });
    return {
      status: response.status,
      headers: response.headers,
      bytes,
      text: new TextDecoder().decode(bytes),
      header: (name) => headerValue(response.headers, name),
      lines: (name) => headerLines(response.headers, name),
    };
  };
}

function toContent(body: Uint8Array | Content | undefined): Content | undefined {
  return body instanceof Uint8Array ? bytesContent(body) : body;
}

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** A body of unknown length that ends with the error, if one is given. */
export function streamOf(chunks: readonly string[], failure?: Error): Content {
  const read = async function* (): AsyncIterable<Uint8Array> {
    for (const chunk of chunks) yield encode(chunk);
    if (failure !== undefined) throw failure;
  };
  return streamContent(read());
}

export function digestText(text: string, algorithm?: 'sha256' | 'sha512'): Digest {
  return digestOf(encode(text), algorithm);
}

/** Checks that the answer is an error with this status and code, in the specification's form. */
export function assertRefused(asked: Asked, status: number, code: string): void {
  const body: unknown = JSON.parse(asked.text);
  const errors = typeof body === 'object' && body !== null && 'errors' in body ? body.errors : undefined;
  const said: unknown = Array.isArray(errors) ? errors[0]?.code : undefined;
  const form = asked.header('content-type') === 'application/json';
  if (asked.status === status && said === code && form) return;
  throw new Error(`not refused by ${status} ${code} but answered ${asked.status} ${asked.text}`);
}

/** Uploads a blob in two requests. */
export async function pushBlob(ask: Ask, repository: string, text: string): Promise<Digest> {
  const digest = digestText(text);
  const start = await ask('POST', `/v2/${repository}/blobs/uploads/`);
  const end = await ask('PUT', `${start.header('location')}?digest=${digest}`, { body: text });
  if (end.status !== 201) throw new Error(`blob refused: ${end.status} ${end.text}`);
  return digest;
}

export const ociManifest = 'application/vnd.oci.image.manifest.v1+json';
export const ociIndex = 'application/vnd.oci.image.index.v1+json';

/** Uploads an image with one layer and the given members of the manifest. */
export async function pushImage(
  ask: Ask,
  repository: string,
  reference: string | undefined,
  fields: Readonly<Record<string, unknown>> = {},
): Promise<{ readonly digest: Digest; readonly text: string; readonly answer: Asked }> {
  await pushBlob(ask, repository, '{}');
  await pushBlob(ask, repository, 'layer');
  const text = imageText(fields);
  const digest = digestText(text);
  const answer = await ask('PUT', `/v2/${repository}/manifests/${reference ?? digest}`, {
    body: text,
    headers: { 'content-type': ociManifest },
  });
  return { digest, text, answer };
}

export function imageText(fields: Readonly<Record<string, unknown>> = {}): string {
  return JSON.stringify({
    schemaVersion: 2,
    mediaType: ociManifest,
    config: { mediaType: 'application/vnd.example.config', digest: digestText('{}'), size: 2 },
    layers: [{ mediaType: 'application/vnd.oci.image.layer.v1.tar', digest: digestText('layer'), size: 5 }],
    ...fields,
  });
}

/** A promise and the functions that settle it. */
export class Gate {
  readonly opened: Promise<void>;
  readonly open: () => void;

  constructor() {
    let settle: (() => void) | undefined;
    this.opened = new Promise((resolve) => {
      settle = resolve;
    });
    this.open = () => settle?.();
  }
}

/** Yields chunks without end. Calls `onEnd` when the reader stops. */
export async function* endless(size: number, onEnd: () => void): AsyncIterable<Uint8Array> {
  try {
    for (;;) yield new Uint8Array(size);
  } finally {
    onEnd();
  }
}
