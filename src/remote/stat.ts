import { ResponseError } from '../errors.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import type { Digest } from '../spec/digest.ts';
import { MediaType } from '../spec/media-type.ts';
import type { SignalOptions } from '../store/contract.ts';
import { descriptorOf } from '../wire/decode.ts';
import { headerValue } from '../wire/headers.ts';
import type { HttpRequest, HttpResponse } from '../wire/message.ts';
import { parseContentRange } from '../wire/range.ts';
import { type Exchange, performBodiless } from './exchange.ts';
import { isRefusedHead } from './refused-head.ts';

/**
 * Asks for a blob with one HEAD. If the registry refuses it, or omits the size, asks with a GET of the first byte, and after a
 * refusal of that with a GET that discards its body. Throws UNEXPECTED_ANSWER if no answer has the size.
 */
export async function statBlob(
  exchange: Exchange,
  repository: string,
  digest: Digest,
  { signal }: SignalOptions = {},
): Promise<Descriptor | undefined> {
  const operation = { kind: 'blob.head', repository, digest } as const;
  const { request, response } = await performBodiless(exchange, operation, isAnswer, { signal });
  if (!isRefusedHead(request, response)) {
    if (response.status === 404) return undefined;
    const blob = blobOf(response, digest);
    if (blob !== undefined) return blob;
  }
  return statByReading(exchange, repository, digest, { signal });
}

function isAnswer(request: Pick<HttpRequest, 'url'>, response: HttpResponse): boolean {
  return response.status === 200 || response.status === 404 || isRefusedHead(request, response);
}

async function statByReading(
  exchange: Exchange,
  repository: string,
  digest: Digest,
  { signal }: SignalOptions,
): Promise<Descriptor | undefined> {
  const operation = { kind: 'blob.get', repository, digest } as const;
  const first = { range: { from: 0, to: 1 }, signal };
  // Any refusal may be about the Range alone.
  const part = await performBodiless(exchange, operation, () => true, first);
  const found = blobOf(part.response, digest);
  if (found !== undefined) return found;
  const { response } = await performBodiless(exchange, operation, [200, 404], { signal });
  if (response.status === 404) return undefined;
  const blob = blobOf(response, digest);
  if (blob !== undefined) return blob;
  throw new ResponseError(
    'UNEXPECTED_ANSWER',
    `${repository}: no answer of the registry has the size of blob ${digest}`,
  );
}

function blobOf(response: HttpResponse, digest: Digest): Descriptor | undefined {
  const { status } = response;
  if (status !== 200 && status !== 206) return undefined;
  const blob = descriptorOf(response, { digest, mediaType: MediaType.octetStream });
  if (status === 200) return blob;
  const size = parseContentRange(headerValue(response.headers, 'content-range'))?.size;
  return size === undefined ? undefined : { mediaType: MediaType.octetStream, digest, size };
}
