import { UnsupportedError } from '../errors.ts';
import type { SigningPlace } from '../sign/sign-image.ts';
import type { Digest } from '../spec/digest.ts';
import { formatReference, type Reference } from '../spec/reference.ts';
import type { Repository, SignalOptions } from '../store/contract.ts';
import type { Connections } from './connections.ts';
import { manifestName, openForWriting, openSource } from './open.ts';
import { formatPlace, type OnDisk, type Place, toPlace, toRepository } from './place.ts';

/** A place opened to sign an image in it. */
interface OpenedSigning {
  readonly place: SigningPlace;
  /** Tag or digest. */
  readonly reference: string;
}

/** Settings for the place of signatures. */
export interface SignaturePlaceOptions {
  /**
   * The repository for the signatures, such as `ghcr.io/acme/signatures`.
   * @defaultValue that of the image
   */
  readonly repository?: string | undefined;
}

/**
 * Opens the place of an image to add signatures to it: a registry or a layout.
 * @throws UNSUPPORTED for an archive and a docker daemon, which hold no referrers
 */
export async function signingAt<T>(
  connections: Connections,
  text: string | Place,
  { repository, signal }: SignaturePlaceOptions & SignalOptions,
  use: (opened: OpenedSigning) => Promise<T>,
): Promise<T> {
  const place = toPlace(text);
  switch (place.kind) {
    case 'registry':
      return use(inRegistry(connections, place.reference, repository));
    case 'oci':
      return inLayout(connections, place, { signal }, use);
    case 'oci-archive':
    case 'docker-archive':
    case 'docker-daemon':
      throw new UnsupportedError(
        'sign',
        `${formatPlace(place)} holds no signatures: sign in a registry or a layout`,
      );
    default:
      return place satisfies never;
  }
}

function inRegistry(
  connections: Connections,
  reference: Reference,
  other: string | undefined,
): OpenedSigning {
  const { registry, repository } = reference;
  const name = formatReference({ registry, repository });
  const manifest = manifestName(reference);
  if (other === undefined) {
    const own = connections.repository(reference, { actions: ['pull', 'push'] });
    return { place: { from: own, to: own, name }, reference: manifest };
  }
  const from = connections.repository(reference, { actions: ['pull'] });
  const to = connections.repository(toRepository(other), { actions: ['pull', 'push'] });
  return { place: { from, to, name }, reference: manifest };
}

async function inLayout<T>(
  connections: Connections,
  place: OnDisk,
  options: SignalOptions,
  use: (opened: OpenedSigning) => Promise<T>,
): Promise<T> {
  const digest = await digestIn(connections, place, options);
  await using layout = await openForWriting(place.path, options);
  const name = place.name ?? place.path;
  const result = await use({ place: { from: layout, to: layout, name }, reference: digest });
  await layout.commit(options);
  return result;
}

/** Chooses the image in a layout, as every verb that reads does. */
async function digestIn(connections: Connections, place: OnDisk, options: SignalOptions): Promise<Digest> {
  const { repository, reference } = await openSource(connections, place, options);
  try {
    return (await repository.manifests.get(reference, options)).descriptor.digest;
  } finally {
    await repository[Symbol.asyncDispose]();
  }
}

/** Opens the repository that holds the signatures of an image. */
export function signatureSource(
  connections: Connections,
  from: Repository,
  { repository }: SignaturePlaceOptions,
): Repository {
  if (repository === undefined) return from;
  return connections.repository(toRepository(repository), { actions: ['pull'] });
}
