import { ContentError, NotFoundError } from '../errors.ts';
import { collect } from '../flow/collect.ts';
import { mapContent, sliceContent } from '../flow/content.ts';
import { verified } from '../flow/verify.ts';
import type { Digest } from '../spec/digest.ts';
import type { TarEntry } from '../tar/entry.ts';
import { resolveLink, safeName } from '../tar/name.ts';
import { indexTar } from '../tar/read.ts';
import { contentWithHoles } from '../tar/sparse.ts';
import type { FileContent } from './file.ts';

/** The files in an archive, each read at its position. */
export interface Tarball {
  /** The path that the user gave, which is the name of the archive in errors. */
  readonly path: string;
  /**
   * Returns the file under a name and follows links. Throws MANIFEST_INVALID for a link without a target, in
   * a circle, or out of the archive.
   */
  find(name: string): TarEntry | undefined;
  content(entry: TarEntry): FileContent;
  /** Returns the safe names of all entries. */
  names(): readonly string[];
  /**
   * Returns a small file; undefined if it does not exist. Throws TOO_LARGE, and MANIFEST_INVALID if the
   * archive has two different files with that name.
   */
  read(name: string, limit: number): Promise<Uint8Array | undefined>;
  /** Passes a warning on to the user, each text once. */
  warn(text: string): void;
}

export interface TarballOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onWarning?: ((text: string) => void) | undefined;
}

/** Docker writes one link for a layer that it has written before. No tool writes longer chains of links. */
const maxLinks = 8;

export async function openTarball(
  path: string,
  content: FileContent,
  { signal, onWarning = () => undefined }: TarballOptions = {},
): Promise<Tarball> {
  const { entries, twins, unsafe } = await indexTar(content, { what: path, signal });
  const warned = new Set<string>();
  const warn = (text: string): void => {
    if (!warned.has(text)) onWarning(text);
    warned.add(text);
  };
  const [stray, ...more] = unsafe;
  if (stray !== undefined) {
    const others = more.length === 0 ? '' : `, and ${more.length} more`;
    warn(`the name ${shown(stray)} leads out of the archive, so gantry skips it${others}`);
  }
  const find = (name: string): TarEntry | undefined => {
    let at = safeName(name, path);
    for (let links = 0; links <= maxLinks; links++) {
      const entry = entries.get(at);
      if (entry?.type === 'symlink') at = resolveLink(at, entry.linkname ?? '', path);
      else if (entry?.type === 'link') at = safeName(entry.linkname ?? '', path);
      else if (entry === undefined && links > 0)
        throw broken(path, name, `it links to ${at}, which does not exist`);
      else return entry?.type === 'file' ? entry : undefined;
    }
    throw broken(path, name, 'its links form a circle');
  };
  const slice = ({ name, offset, stored, size, sparse }: TarEntry): FileContent => {
    const held = sliceContent(content, offset, offset + stored);
    return sparse === undefined ? { ...held, size } : contentWithHoles(held, sparse, `${path}: ${name}`);
  };
  return {
    path,
    find,
    content: slice,
    names: () => [...entries.keys()],
    async read(name, limit) {
      const entry = find(name);
      if (entry === undefined) return undefined;
      const readOne = (one: TarEntry): Promise<Uint8Array> =>
        collect(slice(one).open({ signal }), { limit, what: `${name} of ${path}` });
      const bytes = await readOne(entry);
      // If two files have one name, crane and skopeo take the first, docker and tar the last.
      for (const twin of twins.get(safeName(name, path)) ?? []) {
        if (twin.type !== 'file') continue;
        if (twin.size === entry.size && sameBytes(bytes, await readOne(twin))) continue;
        throw new ContentError('MANIFEST_INVALID', `${path} has two files called ${name}, which differ`);
      }
      return bytes;
    },
    warn,
  };
}

function sameBytes(one: Uint8Array, other: Uint8Array): boolean {
  return one.every((byte, at) => byte === other[at]);
}

function shown(name: string): string {
  return JSON.stringify(name.length > 200 ? `${name.slice(0, 200)}…` : name);
}

/** Returns a file that the archive names. Throws BLOB_UNKNOWN with both names. */
export function demand(tarball: Tarball, name: string, role: string): TarEntry {
  const entry = tarball.find(name);
  if (entry !== undefined) return entry;
  throw new NotFoundError('BLOB_UNKNOWN', `${tarball.path}: ${role} ${name} is missing`);
}

/** Compares a reading of the whole with the digest. A part cannot be checked. */
export function checkedContent(content: FileContent, digest: Digest, what: string): FileContent {
  const { size } = content;
  const checked = mapContent(content, (source, { from = 0, to = size }) =>
    from === 0 && to >= size ? verified(source, { digest, size, what }) : source,
  );
  return { ...checked, size };
}

function broken(path: string, name: string, why: string): ContentError {
  return new ContentError('MANIFEST_INVALID', `${path}: ${name} cannot be read: ${why}`);
}
