import { createHash } from 'node:crypto';
import { collect } from '../../src/flow/collect.ts';
import { bytesContent } from '../../src/flow/content.ts';
import { readTar } from '../../src/tar/read.ts';
import { type TarFileWithBody, writeTar } from '../../src/tar/write.ts';

/** The images of a daemon that is not real: it loads and saves as docker does, and runs nothing. */
export interface FakeImages {
  /** Loads the images of an archive. Returns the names of the loaded ones, and throws with docker's words. */
  load(files: ReadonlyMap<string, Buffer>): readonly string[];
  /** Returns the files of an archive with the image. */
  save(id: string): readonly TarFileWithBody[];
  /** The answer of `GET /images/NAME/json`, but the names. */
  describe(id: string): Readonly<Record<string, unknown>>;
  /** Lists the IDs of all images. */
  ids(): readonly string[];
}

/** The part of a descriptor that a daemon reads. */
export interface FakeDescriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly platform?: Readonly<Record<string, string>>;
}

export function sha256(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

export function describeBytes(mediaType: string, bytes: Uint8Array): FakeDescriptor {
  return { mediaType, digest: sha256(bytes), size: bytes.byteLength };
}

export function blobName(digest: string): string {
  return `blobs/${digest.replace(':', '/')}`;
}

/** Returns a file of an archive; an object becomes JSON. */
export function savedFile(name: string, content: Uint8Array | object): TarFileWithBody {
  const bytes = content instanceof Uint8Array ? content : Buffer.from(JSON.stringify(content));
  return { name, size: bytes.byteLength, body: bytesContent(bytes).open() };
}

/** Returns the entries of an index.json: one for each name of the image, as docker writes them. */
export function namedEntries(root: FakeDescriptor, names: readonly string[]): readonly FakeDescriptor[] {
  if (names.length === 0) return [root];
  return names.map((name) => ({
    ...root,
    annotations: {
      'io.containerd.image.name': `docker.io/${name}`,
      'org.opencontainers.image.ref.name': name.split(':').at(-1) ?? '',
    },
  }));
}

/** Reads an archive as a daemon does. */
export async function filesOf(source: AsyncIterable<Uint8Array>): Promise<ReadonlyMap<string, Buffer>> {
  const files = new Map<string, Buffer>();
  for await (const entry of readTar(source)) {
    const bytes = await collect(entry.body, { limit: 2 ** 28, what: entry.name });
    files.set(entry.name.replace(/^\.\//, ''), Buffer.from(bytes));
  }
  return files;
}

export function archiveOf(files: readonly TarFileWithBody[]): AsyncIterable<Uint8Array> {
  return writeTar(files);
}

/** Returns a file that the archive names, or throws with docker's words. */
export function demandFile(files: ReadonlyMap<string, Buffer>, name: string): Buffer {
  const found = files.get(name);
  if (found !== undefined) return found;
  throw new Error(`open /var/lib/docker/tmp/docker-import-1/${name}: no such file or directory`);
}

/** Returns a name as docker lists it, without the registry and the folder of Docker Hub. */
export function shortName(name: string): string {
  return name.replace(/^docker\.io\/(?:library\/)?/, '');
}

/** The names of images. */
export class FakeNames {
  readonly #byName = new Map<string, string>();

  set(name: string, id: string): void {
    this.#byName.set(shortName(name), id);
  }

  /** Returns the ID for a name, or for the beginning of an ID. */
  find(name: string, ids: readonly string[]): string | undefined {
    const known = this.#byName.get(shortName(name)) ?? this.#byName.get(`${shortName(name)}:latest`);
    if (known !== undefined) return known;
    const hex = name.replace(/^sha256:/, '');
    return ids.find((id) => hex.length >= 4 && id.startsWith(`sha256:${hex}`));
  }

  of(id: string): readonly string[] {
    return [...this.#byName].filter(([, named]) => named === id).map(([name]) => name);
  }
}
