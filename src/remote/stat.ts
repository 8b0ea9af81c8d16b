import { ResponseError } from '../errors.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import type { Digest } from '../spec/digest.ts';
import { MediaType } from '../spec/media-type.ts';
import type { SignalOptions } from '../store/contract.ts';
import { descriptorOf } from '../wire/decode.ts';
import { type Exchange, performBodiless } from './exchange.ts';

/**
 * One HEAD. Registries that refuse it (405), or leave the size out of the answer, are asked with a GET whose body is let
 * go. Throws UNEXPECTED_ANSWER if that doesn't say the size either.
 */
export async function statBlob(
  exchange: Exchange,
  repository: string,
  digest: Digest,
  { signal }: SignalOptions = {},
): Promise<Descriptor | undefined> {
  for (const kind of ['blob.head', 'blob.get'] as const) {
    const operation = { kind, repository, digest } as const;
    const accept = kind === 'blob.head' ? [200, 404, 405] : [200, 404];
    const { response } = await performBodiless(exchange, operation, accept, { signal });
    if (response.status === 404) return undefined;
    const blob = descriptorOf(response, { digest, mediaType: MediaType.octetStream });
    if (response.status === 200 && blob !== undefined) return blob;
  }
  throw new ResponseError(
    'UNEXPECTED_ANSWER',
    `${repository}: the registry does not say the size of blob ${digest}`,
  );
}
