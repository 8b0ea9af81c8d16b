import { isGantryError } from '../errors.ts';
import type { Image } from '../image/image.ts';
import type { Index } from '../image/image-index.ts';
import { openImage } from '../image/open-image.ts';
import { openIndex } from '../image/open-index.ts';
import type { Digest } from '../spec/digest.ts';
import type { Manifest } from '../spec/manifest.ts';
import { isConfigType } from '../spec/media-type.ts';
import type { Reference } from '../spec/reference.ts';
import type { Repository, SignalOptions } from '../store/contract.ts';
import type { Connections } from './connections.ts';
import type { OpenedSource } from './disk-source.ts';
import { type Documents, withDocuments } from './documents.ts';
import { manifestName, openSource } from './open.ts';
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

/** The things that opening a place needs. */
interface Opener {
  readonly connections: Connections;
  readonly watch: Pick<Watch, 'signal' | 'ledger'>;
  readonly documents: Documents;
}

interface PartPlaces {
  readonly base: Place | undefined;
  readonly earlier: Place | undefined;
  /** Whether the new image goes to the place of the earlier one, so that one token serves both. */
  readonly isTarget: boolean;
}

/** Opens the base and the earlier build. Their first requests go out together. */
export async function openParts(opener: Opener, { base, earlier, isTarget }: PartPlaces): Promise<Parts> {
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
    open(earlier === undefined ? Promise.resolve(undefined) : openEarlier(opener, earlier, isTarget)),
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

async function openPart({ connections, watch, documents }: Opener, place: Place): Promise<Part> {
  const { signal, ledger } = watch;
  const source = await openSource(connections, place, { signal, works: ledger.works });
  return readPart(source, { documents, signal });
}

async function readPart(
  { repository, registry, reference }: OpenedSource,
  { documents, signal }: { readonly documents: Documents } & SignalOptions,
): Promise<Part> {
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
async function openEarlier(opener: Opener, place: Place, isTarget: boolean): Promise<Part | undefined> {
  if (place.kind !== 'registry' && place.kind !== 'oci') return undefined;
  try {
    const part = await (isTarget && place.kind === 'registry'
      ? openTarget(opener, place.reference)
      : openPart(opener, place));
    const { body } = await part.view.manifest();
    if (body.kind === 'index' || isConfigType(body.config.mediaType)) return part;
    await part[Symbol.asyncDispose]();
    return undefined;
  } catch (error) {
    // Some registries deny the reading of a repository that does not exist yet. A push tells whether it is permitted.
    const codes = [
      'MANIFEST_UNKNOWN',
      'NAME_UNKNOWN',
      'DENIED',
      'UNAUTHORIZED',
      'MANIFEST_INVALID',
      'UNSUPPORTED',
    ] as const;
    if (codes.some((code) => isGantryError(error, code))) return undefined;
    throw error;
  }
}

async function openTarget(
  { connections, watch: { signal }, documents }: Opener,
  reference: Reference,
): Promise<Part> {
  const repository = connections.repository(reference, { actions: ['pull', 'push'] });
  const { registry } = reference;
  return readPart({ repository, registry, reference: manifestName(reference) }, { documents, signal });
}
