import { isGantryError } from '../../errors.ts';
import { discard } from '../../flow/collect.ts';
import { type Digest, digestAlgorithm, digestEncoded } from '../../spec/digest.ts';
import type { SignalOptions } from '../../store/contract.ts';
import { digestHeader } from '../../wire/decode.ts';
import { encode } from '../../wire/encode.ts';
import { headerValue } from '../../wire/headers.ts';
import type { HttpResponse } from '../../wire/message.ts';
import { mergeScopes, repositoryScope } from '../../wire/scope.ts';
import type { Exchange } from '../exchange.ts';
import { statBlob } from '../stat.ts';
import { openedUpload, type RemoteUpload } from './session.ts';

export interface MountRequest {
  readonly digest: Digest;
  /** The repository that has the blob; left out, any may. */
  readonly from?: string;
  /** The registry that `from` is of, to be told. */
  readonly origin?: string | undefined;
}

/**
 * Asks for a blob to be linked from another repository. A registry that would rather have the bytes answers with a
 * session, which then is the upload; every other answer (400, 401, 403, 404, 405 and 500 are seen for a source that
 * is unknown or closed), or none, means that there was no mount and nothing else: the upload that follows meets whatever
 * is wrong by itself, and is more patient.
 */
export async function mountBlob(
  exchange: Exchange,
  repository: string,
  { digest, from, origin }: MountRequest,
  { signal }: SignalOptions = {},
): Promise<'mounted' | RemoteUpload | undefined> {
  const operation = {
    kind: 'upload.mount',
    repository,
    digest,
    ...(from === undefined ? {} : { from }),
  } as const;
  // Nobody can be given a right to another registry here.
  const isOurs = from !== undefined && (origin ?? exchange.registry) === exchange.registry;
  const source = isOurs ? [repositoryScope(from, ['pull'])] : [];
  const encoded = encode(operation, exchange.base, {
    scopes: mergeScopes([...exchange.scopes, ...source]),
    signal,
  });
  const told = origin === undefined ? '' : `&origin=${encodeURIComponent(origin)}`;
  const request = { ...encoded, url: encoded.url + told };
  try {
    const response = await exchange.send(request);
    await discard(response.body);
    const { status } = response;
    const isMounted = status === 201 && (await isProven(exchange, repository, digest, response, { signal }));
    // A refusal of the moment says nothing of the next blob.
    if (from === undefined && !isTransient(status)) {
      exchange.capabilities.mounts.saw(isMounted ? 'mounted' : status === 202 ? 'declined' : 'refused');
    }
    if (status === 201) return isMounted ? 'mounted' : undefined;
    if (status !== 202 || headerValue(response.headers, 'location') === undefined) return undefined;
    return openedUpload(exchange, repository, { request, response });
  } catch (error) {
    if (isGantryError(error)) return undefined;
    throw error;
  }
}

/**
 * Whether a 201 says of which blob it is: by its digest, or by a Location with it in. One that says neither comes from proxies
 * and registries that have 201 for every POST, so the blob is asked for.
 */
async function isProven(
  exchange: Exchange,
  repository: string,
  digest: Digest,
  response: HttpResponse,
  options: SignalOptions,
): Promise<boolean> {
  const said = digestHeader(response);
  if (said === digest) return true;
  // One that has linked other content has not linked this.
  if (said !== undefined && digestAlgorithm(said) === digestAlgorithm(digest)) return false;
  if (headerValue(response.headers, 'location')?.includes(digestEncoded(digest)) === true) return true;
  return (await statBlob(exchange, repository, digest, options)) !== undefined;
}

function isTransient(status: number): boolean {
  return status >= 500 || status === 429 || status === 408;
}
