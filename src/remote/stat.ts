import { ResponseError } from '../errors.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import type { Digest } from '../spec/digest.ts';
import { MediaType } from '../spec/media-type.ts';
import type { SignalOptions } from '../store/contract.ts';
import { descriptorOf } from '../wire/decode.ts';
import { type Exchange, performBodiless } from './exchange.ts';

/** One HEAD. Throws UNEXPECTED_ANSWER if the registry has the blob and doesn't say its size. */
export async function statBlob(
  exchange: Exchange,
  repository: string,
  digest: Digest,
  { signal }: SignalOptions = {},
): Promise<Descriptor | undefined> {
  const operation = { kind: 'blob.head', repository, digest } as const;
  const options = { signal };
  const { response } = await performBodiless(exchange, operation, [200, 404], options);
  if (response.status === 404) return undefined;
  const blob = descriptorOf(response, { digest, mediaType: MediaType.octetStream });
  if (blob !== undefined) return blob;
  throw new ResponseError(
    'UNEXPECTED_ANSWER',
    `${repository}: the registry does not say the size of blob ${digest}`,
  );
}
