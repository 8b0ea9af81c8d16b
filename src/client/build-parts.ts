import { isGantryError } from '../errors.ts';
import type { Image } from '../image/image.ts';
import type { Index } from '../image/image-index.ts';
import { openImage } from '../image/open-image.ts';
import { openIndex } from '../image/open-index.ts';
import type { Digest } from '../spec/digest.ts';
import type { Manifest } from '../spec/manifest.ts';
import { isConfigType } from '../spec/media-type.ts';
import type { Repository } from '../store/contract.ts';
import type { Connections } from './connections.ts';
import { createDocuments, type Documents, withDocuments } from './documents.ts';
import { openSource } from './open.ts';
import type { Place } from './place.ts';
import type { Watch } from './watch.ts';

/** A view of something that a place has. */
interface Part extends AsyncDisposable {
  readonly view: Image | Index;
  readonly digest: Digest;
}

export interface Parts extends AsyncDisposable {
  readonly base: Part | undefined;
  readonly previous: Part | undefined;
}

/** Opens the base and the earlier build, whose first requests go out together. */
export async function openParts(
  connections: Connections,
  base: Place | undefined,
  earlier: Place | undefined,
  watch: Watch,
): Promise<Parts> {
  const opener = { connections, watch, documents: createDocuments() };
  const opened: Part[] = [];
  const open = async (part: Promise<Part | undefined>): Promise<Part | undefined> => {
    const known = await part;
    if (known !== undefined) opened.push(known);
    return known;
  };
  const dispose = async (): Promise<void> => {
    for (const part of opened.splice(0)) await part[Symbol.asyncDispose]();
  };
  const opening = [
    open(base === undefined ? Promise.resolve(undefined) : openPart(opener, base)),
    open(earlier === undefined ? Promise.resolve(undefined) : openEarlier(opener, earlier)),
  ] as const;
  try {
    const [first, second] = await Promise.all(opening);
    return { base: first, previous: second, [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await Promise.allSettled(opening);
    await dispose();
    throw error;
  }
}

interface Opener {
  readonly connections: Connections;
  readonly watch: Pick<Watch, 'signal' | 'ledger'>;
  readonly documents: Documents;
}

async function openPart({ connections, watch, documents }: Opener, place: Place): Promise<Part> {
  const { signal, ledger } = watch;
  const source = await openSource(connections, place, { signal, works: ledger.works });
  const { repository, registry, reference } = source;
  try {
    const remembering = withDocuments(repository, documents);
    const manifest = await remembering.manifests.get(reference, { signal });
    return partOf(remembering, manifest, registry);
  } catch (error) {
    await repository[Symbol.asyncDispose]();
    throw error;
  }
}

function partOf(repository: Repository, manifest: Manifest, registry: string | undefined): Part {
  const isIndex = manifest.body.kind === 'index';
  const view = (isIndex ? openIndex : openImage)(repository, manifest, { registry });
  return {
    view,
    digest: manifest.descriptor.digest,
    [Symbol.asyncDispose]: () => repository[Symbol.asyncDispose](),
  };
}

/** Opens an earlier build; undefined if the place has none, or something else. */
async function openEarlier(opener: Opener, place: Place): Promise<Part | undefined> {
  if (place.kind !== 'registry' && place.kind !== 'oci') return undefined;
  try {
    const part = await openPart(opener, place);
    const { body } = await part.view.manifest();
    if (body.kind === 'index' || isConfigType(body.config.mediaType)) return part;
    await part[Symbol.asyncDispose]();
    return undefined;
  } catch (error) {
    // Some registries deny the reading of a repository that does not exist yet. A push tells whether it is permitted.
    const codes = ['MANIFEST_UNKNOWN', 'NAME_UNKNOWN', 'DENIED', 'MANIFEST_INVALID', 'UNSUPPORTED'] as const;
    if (codes.some((code) => isGantryError(error, code))) return undefined;
    throw error;
  }
}
