import { createHash } from 'node:crypto';
import type { Agent } from 'node:http';
import type { Made } from './content.ts';
import { exchange } from './exchange.ts';

export interface Target {
  readonly base: string;
  readonly agent: Agent;
}

/** Content that the server has acknowledged. The server must have it under these names. */
export interface Stored {
  readonly path: string;
  readonly digest: string;
  readonly size: number;
}

const manifestType = 'application/vnd.oci.image.manifest.v1+json';
const octets = { 'content-type': 'application/octet-stream' };

/**
 * Pushes a blob as clients do: starts a session, and ends it with a request that has the whole blob. Takes two
 * requests.
 */
export async function pushBlob(target: Target, repository: string, made: Made): Promise<Stored> {
  const { headers } = await exchange(target, 202, {
    method: 'POST',
    target: `/v2/${repository}/blobs/uploads/`,
  });
  const location = new URL(headers.location ?? '', target.base);
  location.searchParams.set('digest', made.digest);
  await exchange(target, 201, { method: 'PUT', target: location.href, headers: octets, body: made.parts });
  return { path: `/v2/${repository}/blobs/${made.digest}`, digest: made.digest, size: made.size };
}

/** Pushes three blobs and their manifest. Takes seven requests. */
export async function pushImage(
  target: Target,
  {
    repository,
    tag,
    blobs,
  }: { readonly repository: string; readonly tag: string; readonly blobs: readonly Made[] },
): Promise<readonly Stored[]> {
  const stored = await Promise.all(blobs.map((blob) => pushBlob(target, repository, blob)));
  const [config, ...layers] = blobs.map(({ digest, size }) => ({ digest, size }));
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: manifestType,
      config: { mediaType: 'application/vnd.oci.image.config.v1+json', ...config },
      layers: layers.map((layer) => ({
        mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip',
        ...layer,
      })),
    }),
  );
  const path = `/v2/${repository}/manifests/${tag}`;
  await exchange(target, 201, {
    method: 'PUT',
    target: path,
    headers: { 'content-type': manifestType },
    body: [manifest],
  });
  const digest = `sha256:${createHash('sha256').update(manifest).digest('hex')}`;
  return [{ path, digest, size: manifest.length }, ...stored];
}

/** Pulls a blob. Throws unless its size is right. Takes one request. */
export async function pull(target: Target, { path, size }: Stored): Promise<void> {
  let came = 0;
  await exchange(target, 200, get(path), (bytes) => {
    came += bytes.length;
  });
  if (came !== size) throw new Error(`${came} bytes of ${size} came`);
}

/** Throws unless the bytes match their digest. */
export async function verify(target: Target, { path, digest }: Stored): Promise<void> {
  const hash = createHash('sha256');
  await exchange(target, 200, get(path), (bytes) => hash.update(bytes));
  if (`sha256:${hash.digest('hex')}` !== digest) throw new Error(`${path} is something else`);
}

function get(path: string): { method: string; target: string; headers: { accept: string } } {
  return { method: 'GET', target: path, headers: { accept: manifestType } };
}
