import { selectRoot } from '../copy/select.ts';
import { baseDigestKey, baseNameKey } from '../image/base-annotations.ts';
import { countBaseLayers } from '../image/edit/rebase.ts';
import type { Image } from '../image/image.ts';
import { openImage } from '../image/open-image.ts';
import type { Annotations } from '../spec/descriptor.ts';
import type { Manifest } from '../spec/manifest.ts';
import { given } from '../spec/options.ts';
import type { Platform } from '../spec/platform.ts';
import { parseReference } from '../spec/reference.ts';
import type { SignalOptions } from '../store/contract.ts';
import type { Connections } from './connections.ts';
import type { OpenedSource } from './disk-source.ts';
import { openSource } from './open.ts';
import { formatPlace, type Place, toPlace } from './place.ts';

/** The old and the new base. */
export interface BasePlaces {
  readonly from: Place;
  readonly to: Place;
}

/** Returns the bases that annotations name. */
export function annotatedBases(annotations: Annotations = {}): Partial<BasePlaces> {
  const { [baseNameKey]: name, [baseDigestKey]: digest } = annotations;
  if (name === undefined) return {};
  const to = toPlace(name);
  if (to.kind !== 'registry' || digest === undefined) return { to };
  const { registry, repository } = to.reference;
  return { to, from: { kind: 'registry', reference: parseReference(`${registry}/${repository}@${digest}`) } };
}

/** The bases that a verb reads. Each is opened once. */
export interface Bases extends AsyncDisposable {
  root(place: Place): Promise<Manifest>;
  image(place: Place, platform: Platform): Promise<Image>;
}

export function createBases(connections: Connections, { signal }: SignalOptions): Bases {
  const opened = new Map<string, OpenedSource & { readonly manifest: Manifest }>();
  const open = async (place: Place): Promise<OpenedSource & { readonly manifest: Manifest }> => {
    const name = formatPlace(place);
    const known = opened.get(name);
    if (known !== undefined) return known;
    const source = await openSource(connections, place, { signal });
    const manifest = await source.repository.manifests.get(source.reference, { signal });
    opened.set(name, { ...source, manifest });
    return { ...source, manifest };
  };
  return {
    root: async (place) => (await open(place)).manifest,
    async image(place, platform) {
      const { repository, registry, manifest } = await open(place);
      return openImage(repository, await selectRoot(repository, manifest, [platform], { signal }), {
        registry,
      });
    },
    async [Symbol.asyncDispose]() {
      for (const { repository } of opened.values()) await repository[Symbol.asyncDispose]();
    },
  };
}

/** The base of an image, and where to look for it. */
export interface BaseQuestion {
  /** The base. Without it, the annotations of the image or of its index name the base. */
  readonly base?: Place | undefined;
  readonly bases: Bases;
  /** The name of the image in errors. */
  readonly name: string;
  /** The image itself, or its index. */
  readonly root: Manifest;
}

/**
 * Returns the number of layers that an image has from its base; undefined if nothing names one.
 * @throws MANIFEST_INVALID when the image is not built on the base
 */
export async function baseLayersOf(
  image: Image,
  { base, bases, name, root }: BaseQuestion,
  read: SignalOptions,
): Promise<number | undefined> {
  const { body } = await image.manifest(read);
  const said = root.body.kind === 'unknown' ? undefined : root.body.annotations;
  const place = base ?? annotatedBases({ ...said, ...body.annotations }).from;
  if (place === undefined) return undefined;
  const { os, architecture, variant } = await image.config(read);
  const platform = given({ os, architecture, variant });
  const from = await bases.image(place, platform);
  return countBaseLayers(image, { from, name, fromName: formatPlace(place) }, read);
}
