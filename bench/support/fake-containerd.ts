import {
  blobName,
  demandFile,
  type FakeDescriptor,
  type FakeImages,
  type FakeNames,
  namedEntries,
  savedFile,
  sha256,
  shortName,
} from './fake-images.ts';

interface Document {
  readonly config?: FakeDescriptor;
  readonly layers?: readonly FakeDescriptor[];
  readonly manifests?: readonly FakeDescriptor[];
}

/** A store that knows an image by its manifest or index, and keeps all bytes as they came. */
export function containerdImages(names: FakeNames): FakeImages {
  const blobs = new Map<string, Buffer>();
  const roots = new Map<string, FakeDescriptor>();
  const documentOf = (digest: string): Document => JSON.parse(blobs.get(digest)?.toString() ?? '{}');
  const below = ({ digest }: FakeDescriptor): readonly FakeDescriptor[] => {
    const { config, layers = [], manifests = [] } = documentOf(digest);
    return [config ?? [], layers, manifests, manifests.flatMap(below)].flat();
  };
  const isThere = (root: FakeDescriptor): boolean =>
    [root, ...below(root)].every(({ digest }) => blobs.has(digest));
  const demand = (id: string): FakeDescriptor => {
    const found = roots.get(id);
    if (found !== undefined) return found;
    throw new Error(`reference does not exist: ${id}`);
  };
  const keep = ({ annotations, ...root }: FakeDescriptor): string => {
    if (!isThere(root)) throw new Error(`content digest ${root.digest}: not found`);
    roots.set(root.digest, root);
    const name = annotations?.['io.containerd.image.name'];
    if (name !== undefined) names.set(name, root.digest);
    return name === undefined ? root.digest : shortName(name);
  };
  return {
    load(files) {
      if (!files.has('oci-layout')) throw new Error('unrecognized image format');
      for (const [name, bytes] of files) {
        if (name.startsWith('blobs/sha256/') && !name.endsWith('/')) blobs.set(checked(name, bytes), bytes);
      }
      const index: Document = JSON.parse(demandFile(files, 'index.json').toString());
      return (index.manifests ?? []).map(keep);
    },
    save(id) {
      const root = demand(id);
      const there = new Set([root, ...below(root)].map(({ digest }) => digest));
      return [
        ...[...there].flatMap((digest) => {
          const bytes = blobs.get(digest);
          return bytes === undefined ? [] : [savedFile(blobName(digest), bytes)];
        }),
        savedFile('index.json', { schemaVersion: 2, manifests: namedEntries(root, names.of(id)) }),
        savedFile('oci-layout', { imageLayoutVersion: '1.0.0' }),
      ];
    },
    describe(id) {
      const root = demand(id);
      const images = documentOf(id).manifests ?? [root];
      const manifests = images.map((one) => ({
        ID: one.digest,
        Descriptor: one,
        Available: isThere(one),
        Kind: 'image',
      }));
      return { Id: id, Size: 1234, Descriptor: root, Manifests: manifests };
    },
    ids: () => [...roots.keys()],
  };
}

function checked(name: string, bytes: Buffer): string {
  const digest = sha256(bytes);
  if (blobName(digest) === name) return digest;
  throw new Error(`unexpected commit digest ${digest}`);
}
