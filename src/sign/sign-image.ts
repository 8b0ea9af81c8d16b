import { Buffer } from 'node:buffer';
import { ContentError } from '../errors.ts';
import { enclosed } from '../flow/abort.ts';
import { bytesContent } from '../flow/content.ts';
import { createSemaphore } from '../flow/semaphore.ts';
import type { Annotations, Descriptor } from '../spec/descriptor.ts';
import type { Digest } from '../spec/digest.ts';
import { manifestsOf } from '../spec/manifest.ts';
import { isIndexType, isManifestType } from '../spec/media-type.ts';
import { maxNesting } from '../spec/nesting.ts';
import { referrersTag } from '../spec/referrers-tag.ts';
import type { Repository, SignalOptions } from '../store/contract.ts';
import { addTaggedLayer } from './legacy-tag.ts';
import { bundleManifest, emptyBlob, makeBundle, newBlob, signatureStatement } from './make-bundle.ts';
import { signaturePredicate } from './predicate-types.ts';
import type { Signer } from './signer.ts';
import { formatSimpleSigning, simpleSigningType } from './simple-signing.ts';

/** The settings of a signature. */
export interface SignatureSettings {
  /** Makes the signatures. */
  readonly signer: Signer;
  /** Annotations that are signed with the image. */
  readonly annotations?: Annotations | undefined;
  /**
   * `bundle`: a referrer, which cosign 3 reads. `legacy`: a layer under the tag `sha256-….sig`, which older programs read.
   * @defaultValue `'bundle'`
   */
  readonly format?: 'bundle' | 'legacy' | 'both' | undefined;
  /**
   * Signs also every image of an index.
   * @defaultValue `true`
   */
  readonly recursive?: boolean | undefined;
  /**
   * Writes nothing; the result has the bundles.
   * @defaultValue `false`
   */
  readonly dryRun?: boolean | undefined;
}

/** Where an image is, and where its signatures go. */
export interface SigningPlace {
  readonly from: Repository;
  readonly to: Repository;
  /** The name of the repository with its registry, which the legacy format signs. */
  readonly name: string;
}

/** A signature that was made. */
export interface MadeSignature {
  /** The image or index that is signed. */
  readonly digest: Digest;
  /** The manifest that holds the signature; undefined with `dryRun`. */
  readonly manifest?: Digest | undefined;
  /** The format of the signature. */
  readonly format: 'bundle' | 'legacy';
  /** The bundle; undefined for the legacy format. */
  readonly bundle?: Uint8Array | undefined;
}

/** The result of signing: the signed root, and the signatures of it and of the images in it. */
export interface SignedImage {
  /** The digest that the reference named. */
  readonly digest: Digest;
  /** Those of the root first. */
  readonly signatures: readonly MadeSignature[];
}

/** The number of images that are signed at once. */
const atOnce = 4;

/** Signs a manifest, and by default all manifests in an index. The root comes last. */
export async function signReference(
  place: SigningPlace,
  reference: string,
  settings: SignatureSettings & SignalOptions,
): Promise<SignedImage> {
  const { recursive = true } = settings;
  return enclosed(settings.signal, async (signal) => {
    const root = await place.from.manifests.get(reference, { signal });
    const below = recursive ? await descendants(place.from, manifestsOf(root.body), 1, { signal }) : [];
    const own = { ...settings, signal };
    const gate = createSemaphore(atOnce);
    const unique = [...new Map(below.map((child) => [child.digest, child])).values()];
    const signatures = await Promise.all(
      unique.map(async (child) => {
        const permit = await gate.acquire(1, { signal });
        try {
          return await signOne(place, child, own);
        } finally {
          permit.release();
        }
      }),
    );
    const ofRoot = await signOne(place, root.descriptor, own);
    return { digest: root.descriptor.digest, signatures: [...ofRoot, ...signatures.flat()] };
  });
}

async function descendants(
  from: Repository,
  children: readonly Descriptor[],
  depth: number,
  options: SignalOptions,
): Promise<readonly Descriptor[]> {
  if (depth > maxNesting) {
    throw new ContentError(
      'MANIFEST_INVALID',
      `${from.name}: indexes in indexes go more than ${maxNesting} deep`,
    );
  }
  const below = children
    .filter(({ mediaType }) => isManifestType(mediaType))
    .map(async (child) => {
      if (!isIndexType(child.mediaType)) return [child];
      const { body } = await from.manifests.get(child.digest, options);
      return [child, ...(await descendants(from, manifestsOf(body), depth + 1, options))];
    });
  return (await Promise.all(below)).flat();
}

async function signOne(
  place: SigningPlace,
  image: Descriptor,
  settings: SignatureSettings & SignalOptions,
): Promise<readonly MadeSignature[]> {
  const { format = 'bundle' } = settings;
  const made: MadeSignature[] = [];
  if (format !== 'legacy') made.push(await signWithBundle(place, image, settings));
  if (format !== 'bundle') made.push(await signUnderTag(place, image, settings));
  return made;
}

async function signWithBundle(
  { to }: SigningPlace,
  image: Descriptor,
  { signer, annotations = {}, dryRun = false, signal }: SignatureSettings & SignalOptions,
): Promise<MadeSignature> {
  const payload = signatureStatement(image.digest, annotations);
  return putBundle(to, image, signaturePredicate, await makeBundle(payload, signer, { signal }), {
    dryRun,
    signal,
  });
}

/** Writes a bundle and the manifest by which it refers to its image. */
export async function putBundle(
  to: Repository,
  image: Descriptor,
  predicateType: string,
  bundle: ReturnType<typeof newBlob>,
  { dryRun, signal }: { readonly dryRun: boolean } & SignalOptions,
): Promise<MadeSignature> {
  const { digest } = image;
  if (dryRun) return { digest, format: 'bundle', bundle: bundle.bytes };
  const manifest = bundleManifest(bundle, image, predicateType, new Date());
  await Promise.all([
    to.blobs.write(emptyBlob.descriptor, bytesContent(emptyBlob.bytes), { signal }),
    to.blobs.write(bundle.descriptor, bytesContent(bundle.bytes), { isNew: true, signal }),
  ]);
  await to.manifests.put(manifest, { signal });
  return { digest, manifest: manifest.descriptor.digest, format: 'bundle', bundle: bundle.bytes };
}

async function signUnderTag(
  { to, name }: SigningPlace,
  { digest }: Descriptor,
  { signer, annotations = {}, dryRun = false, signal }: SignatureSettings & SignalOptions,
): Promise<MadeSignature> {
  const payload = Buffer.from(formatSimpleSigning({ digest, reference: name, annotations }));
  const signature = Buffer.from(await signer.sign(payload, { signal })).toString('base64');
  if (dryRun) return { digest, format: 'legacy' };
  const layer = newBlob(payload, simpleSigningType, { 'dev.cosignproject.cosign/signature': signature });
  const tagged = await addTaggedLayer(to, `${referrersTag(digest)}.sig`, layer, { signal });
  return { digest, manifest: tagged.descriptor.digest, format: 'legacy' };
}
