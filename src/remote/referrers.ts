import { isGantryError } from '../errors.ts';
import { discard } from '../flow/collect.ts';
import { digestOf } from '../flow/hash.ts';
import { parseManifest } from '../json/manifest.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import type { Digest } from '../spec/digest.ts';
import { MediaType } from '../spec/media-type.ts';
import { referrersTag } from '../spec/referrers-tag.ts';
import type { Manifests, ReferrersOptions } from '../store/contract.ts';
import { type ReferrersPage, referrersPage } from '../wire/decode.ts';
import { type Answer, type Exchange, perform } from './exchange.ts';
import { nextPage } from './listings.ts';

/** Statuses that registries without the referrers API have for it. */
const unsupported = [400, 404, 405, 406];

/**
 * The referrers that the registry lists, or, where it has no such list, those of the fallback tag.
 * @see https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#listing-referrers
 */
export async function* remoteReferrers(
  exchange: Exchange,
  repository: string,
  manifests: Pick<Manifests, 'get'>,
  subject: Digest,
  { artifactType, signal }: ReferrersOptions = {},
): AsyncIterable<Descriptor> {
  const options = { signal };
  const wanted = ({ artifactType: type }: Descriptor) => artifactType === undefined || type === artifactType;
  const operation = {
    kind: 'referrers',
    repository,
    digest: subject,
    ...(artifactType === undefined ? {} : { artifactType }),
  } as const;
  let answer: Answer = await perform(exchange, operation, [200, ...unsupported], options);
  let page = await readPage(answer);
  if (page === undefined) {
    yield* (await fallbackReferrers(manifests, subject, options)).filter(wanted);
    return;
  }
  for (;;) {
    yield* entries(page).filter(wanted);
    if (page.next === undefined) return;
    answer = await nextPage(exchange, answer, page.next);
    page = await readPage(answer);
    if (page === undefined) return;
  }
}

/** Undefined where the answer is no list of referrers: the registry doesn't know the question. */
async function readPage({ request, response }: Answer): Promise<ReferrersPage | undefined> {
  const page = response.status === 200 ? await referrersPage(response, request.url) : undefined;
  if (page === undefined) await discard(response.body);
  return page;
}

function entries({ bytes }: Pick<ReferrersPage, 'bytes'>): readonly Descriptor[] {
  const { body } = parseManifest(bytes, { digest: digestOf(bytes), mediaType: MediaType.ociIndex });
  return body.kind === 'index' ? body.manifests : [];
}

async function fallbackReferrers(
  manifests: Pick<Manifests, 'get'>,
  subject: Digest,
  options: { readonly signal?: AbortSignal | undefined },
): Promise<readonly Descriptor[]> {
  try {
    const { body } = await manifests.get(referrersTag(subject), options);
    return body.kind === 'index' ? body.manifests : [];
  } catch (error) {
    if (isGantryError(error, 'MANIFEST_UNKNOWN') || isGantryError(error, 'NAME_UNKNOWN')) return [];
    throw error;
  }
}
