import {
  copyImage,
  createImage,
  createLayer,
  createMemoryRegistry,
  createRegistryLine,
  createRemoteRegistry,
  createStreamLayer,
  fetchTransport,
  imageSource,
  isGantryError,
  type Keychain,
  type Layer,
  openImage,
  type Repository,
  writeTar,
} from 'gantry/core';

/** The steps of a web page: the test bundles this file and calls them where no module of Node exists. */

const actions = { actions: ['pull', 'push'] } as const;

function remote(base: string, keychain?: Keychain): Repository {
  const transport = fetchTransport(fetch);
  const send = createRegistryLine({ base, transport, ...(keychain === undefined ? {} : { keychain }) });
  return createRemoteRegistry({ base, send }).repository('web/app', actions);
}

/** Asks a registry that requires a login for the digest of a tag, with and without a password. */
export async function logIn(base: string, password: string): Promise<unknown> {
  const known = remote(base, async () => ({ kind: 'basic', username: 'me', password }));
  const found = await known.manifests.resolve('1');
  const code = await remote(base)
    .manifests.resolve('1')
    .catch((error: unknown) => (isGantryError(error) ? error.code : String(error)));
  return { digest: found?.digest, anonymous: code };
}

/** Makes an image of a small layer and of one that is larger than any body that is sent whole, and pushes it. */
export async function push(base: string): Promise<unknown> {
  const layers: Layer[] = [];
  const memory = createMemoryRegistry().repository('made', actions);
  for (const body of ['hello', noise(300_000)]) {
    const bytes = typeof body === 'string' ? new TextEncoder().encode(body) : body;
    const layer = createStreamLayer(writeTar([{ name: 'file', size: bytes.byteLength, body: [bytes] }]));
    const descriptor = await layer.ingest(memory.blobs);
    layers.push(
      createLayer(memory.blobs.open(descriptor.digest), { descriptor, diffId: await layer.diffId() }),
    );
  }
  const image = createImage({ config: { architecture: 'amd64', os: 'linux' }, layers });
  const { repository, root } = await imageSource(image);
  await copyImage(repository, root.digest, remote(base), { tags: ['1'] });
  return { root: root.digest, diffIds: await Promise.all(layers.map((layer) => layer.diffId())) };
}

/** Pulls the image into memory and unpacks its layers. */
export async function pull(base: string): Promise<unknown> {
  const memory = createMemoryRegistry().repository('pulled', actions);
  await copyImage(remote(base), '1', memory, { tags: ['1'] });
  const image = openImage(memory, await memory.manifests.get('1'));
  const layers = await image.layers();
  // Without the known diffId the view unpacks the layer and hashes it.
  const unpacked = layers.map((layer) => createLayer(layer.compressed(), { mediaType: layer.mediaType }));
  return {
    root: (await image.manifest()).descriptor.digest,
    diffIds: await Promise.all(unpacked.map((layer) => layer.diffId())),
  };
}

/** Pulls the image from a registry that sends wrong bytes. */
export async function pullDamaged(base: string): Promise<unknown> {
  const memory = createMemoryRegistry().repository('pulled', actions);
  try {
    await copyImage(remote(base), '1', memory, { tags: ['1'] });
  } catch (error) {
    return {
      code: isGantryError(error) ? error.code : String(error),
      kept: (await memory.manifests.resolve('1')) !== undefined,
    };
  }
  return { code: 'none', kept: true };
}

/** Bytes that do not compress, the same in each run. */
function noise(length: number): Uint8Array {
  let state = 1;
  return Uint8Array.from({ length }, () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return state >>> 24;
  });
}
