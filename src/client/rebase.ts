import { InputError } from '../errors.ts';
import { baseAnnotations } from '../image/base-annotations.ts';
import { createImage } from '../image/create.ts';
import { rebase } from '../image/edit/rebase.ts';
import type { Image } from '../image/image.ts';
import type { Index } from '../image/image-index.ts';
import type { Annotations } from '../spec/descriptor.ts';
import { given } from '../spec/options.ts';
import type { SignalOptions } from '../store/contract.ts';
import { baseName } from './base-name.ts';
import { annotatedBases, type Bases, createBases } from './bases.ts';
import type { Connections } from './connections.ts';
import { changeView, type EditedImage, type EditOptions, editView } from './edit.ts';
import { formatPlace, type Place, toPlace } from './place.ts';

/** Settings of `rebase`. */
export interface RebaseOptions extends EditOptions {
  /**
   * The base that the image was built on; `scratch` for none, so that all of its layers come on top of the new base.
   * @defaultValue by the annotations `org.opencontainers.image.base.name` and `.digest` of the image
   */
  readonly oldBase?: string | Place | undefined;
  /**
   * The base to put the image on.
   * @defaultValue by the annotation `org.opencontainers.image.base.name` of the image
   */
  readonly newBase?: string | Place | undefined;
}

/** Puts an image, or every image of an index, on the base for its platform, and names the base in annotations. */
export async function rebaseImages(
  connections: Connections,
  source: string | Place,
  { oldBase, newBase, ...options }: RebaseOptions = {},
): Promise<EditedImage> {
  const origin = toPlace(source);
  const given: GivenBases = {
    from: oldBase === 'scratch' ? oldBase : toOptionalPlace(oldBase),
    to: toOptionalPlace(newBase),
  };
  await using bases = createBases(connections, options);
  return await editView(
    connections,
    origin,
    async (view, edited) => {
      const { body } = edited.root;
      const said = body.kind === 'unknown' ? undefined : body.annotations;
      const change = async (image: Image): Promise<Image> => {
        const own = { ...said, ...(await image.manifest({ signal: options.signal })).body.annotations };
        return rebasedImage(image, basesOf(origin, own, given), bases, {
          ...options,
          name: formatPlace(origin),
        });
      };
      const indexAnnotations = {
        ...options.indexAnnotations,
        ...(await indexBase(view, given.to ?? annotatedBases(said).to, bases)),
      };
      return changeView(view, change, edited, { ...options, indexAnnotations });
    },
    options,
  );
}

function toOptionalPlace(place: string | Place | undefined): Place | undefined {
  return place === undefined ? undefined : toPlace(place);
}

async function rebasedImage(
  image: Image,
  { from, to }: RebasePlaces,
  bases: Bases,
  { name, signal }: SignalOptions & { readonly name: string },
): Promise<Image> {
  const { os, architecture, variant } = await image.config({ signal });
  const platform = given({ os, architecture, variant });
  const old =
    from === 'scratch' ? createImage({ config: platform, layers: [] }) : await bases.image(from, platform);
  const next = await bases.image(to, platform);
  const { digest } = (await next.manifest({ signal })).descriptor;
  if ((await old.manifest({ signal })).descriptor.digest === digest) return image;
  const rebased = rebase(image, {
    from: old,
    to: next,
    name,
    fromName: from === 'scratch' ? from : formatPlace(from),
  });
  return rebased.withAnnotations(baseAnnotations(baseName(to), digest));
}

/** Returns the annotations of an index about its base, if that is an index. */
async function indexBase(
  view: Image | Index,
  to: Place | undefined,
  bases: Bases,
): Promise<Readonly<Record<string, string>>> {
  if (view.kind === 'image' || to === undefined) return {};
  const { descriptor, body } = await bases.root(to);
  return body.kind === 'index' ? baseAnnotations(baseName(to), descriptor.digest) : {};
}

/** The bases that the options name. */
interface GivenBases {
  readonly from: Place | 'scratch' | undefined;
  readonly to: Place | undefined;
}

/** The old and the new base. */
interface RebasePlaces {
  readonly from: Place | 'scratch';
  readonly to: Place;
}

function basesOf(image: Place, annotations: Annotations | undefined, given: GivenBases): RebasePlaces {
  const said = annotatedBases(annotations);
  const [from, to] = [given.from ?? said.from, given.to ?? said.to];
  if (from !== undefined && to !== undefined) return { from, to };
  const missing = to === undefined ? 'new base' : 'old base';
  throw new InputError(
    'INVALID_OPTION',
    `${formatPlace(image)} has no annotation that names its ${missing}: name it with the rebase`,
  );
}
