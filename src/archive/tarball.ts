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

/** The files in an archive, read by range from where they stand. */
export interface Tarball {
  /** What errors call the archive: the path that the user gave. */
  readonly path: string;
  /** The file under a name, links followed. Throws MANIFEST_INVALID for links that lead nowhere, round in a circle or out. */
  find(name: string): TarEntry | undefined;
  content(entry: TarEntry): FileContent;
  /** Of all entries, as safe names. */
  names(): readonly string[];
  /**
   * A small file whole; undefined when it isn't there. Throws TOO_LARGE, and MANIFEST_INVALID where the archive has two
   * files of that name that differ.
   */
  read(name: string, limit: number): Promise<Uint8Array | undefined>;
  /** Tells the user of something that is wrong and stops nothing, once for each text. */
  warn(text: string): void;
}

export interface TarballOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onWarning?: ((text: string) => void) | undefined;
}

/** Docker writes one link for a layer that it has written already; a chain of them nobody writes. */
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
    warn(`the name ${shown(stray)} leads out of the archive and is passed over${others}`);
  }
  const find = (name: string): TarEntry | undefined => {
    let at = safeName(name, path);
    for (let links = 0; links <= maxLinks; links++) {
      const entry = entries.get(at);
      if (entry?.type === 'symlink') at = resolveLink(at, entry.linkname ?? '', path);
      else if (entry?.type === 'link') at = safeName(entry.linkname ?? '', path);
      else if (entry === undefined && links > 0)
        throw broken(path, name, `it links to ${at}, which is not there`);
      else return entry?.type === 'file' ? entry : undefined;
    }
    throw broken(path, name, 'its links go round in a circle');
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
      // Of two files with one name, crane and skopeo take the first, docker and tar the last.
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

/** The file that something in the archive names. Throws BLOB_UNKNOWN naming both. */
export function demand(tarball: Tarball, name: string, role: string): TarEntry {
  const entry = tarball.find(name);
  if (entry !== undefined) return entry;
  throw new NotFoundError('BLOB_UNKNOWN', `${tarball.path}: ${role} ${name} is missing`);
}

/** Checked against the digest when it is read whole; a part can't be checked. */
export function checkedContent(content: FileContent, digest: Digest, what: string): FileContent {
  const { size } = content;
  const checked = mapContent(content, (source, { from = 0, to = size }) =>
    from === 0 && to >= size ? verified(source, { digest, size, what }) : source,
  );
  return { ...checked, size };
}

function broken(path: string, name: string, why: string): ContentError {
  return new ContentError('MANIFEST_INVALID', `${path}: ${name} can't be read, ${why}`);
}
