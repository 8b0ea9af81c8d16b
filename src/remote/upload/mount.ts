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
import { cancelsLate } from './late-session.ts';
import { openedUpload, type RemoteUpload } from './session.ts';

export interface MountRequest {
  readonly digest: Digest;
  /** The repository that has the blob; undefined for any repository. */
  readonly from?: string | undefined;
  /** The registry of `from`, for the request. */
  readonly origin?: string | undefined;
}

/**
 * Asks the registry to mount a blob from another repository. A registry that declines answers with a session, which becomes the
 * upload. Every other answer, or none, only means that there was no mount (registries answer 400, 401, 403, 404, 405 and 500
 * for an unknown or closed source): the upload that follows meets the same fault, and is more patient.
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
  // No token of this registry gives a right to another one.
  const isOther =
    from !== undefined && from !== repository && (origin ?? exchange.registry) === exchange.registry;
  const scopes = isOther
    ? mergeScopes([...exchange.scopes, repositoryScope(from, ['pull'])])
    : exchange.scopes;
  const encoded = encode(operation, exchange.base, { scopes, signal });
  const told = origin === undefined ? '' : `&origin=${encodeURIComponent(origin)}`;
  const request = { ...encoded, url: encoded.url + told };
  try {
    const response = await exchange.send(cancelsLate(exchange, repository, request));
    await discard(response.body);
    const { status } = response;
    const isMounted = status === 201 && (await isProven(exchange, repository, digest, response, { signal }));
    // A transient refusal says nothing about the next blob.
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
 * Resolves with whether a 201 is a mount of the blob: its digest or its Location names the blob, or the registry has it. Proxies
 * and registries exist that answer every POST with 201.
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
  // The registry has mounted other content.
  if (said !== undefined && digestAlgorithm(said) === digestAlgorithm(digest)) return false;
  if (headerValue(response.headers, 'location')?.includes(digestEncoded(digest)) === true) return true;
  return (await statBlob(exchange, repository, digest, options)) !== undefined;
}

function isTransient(status: number): boolean {
  return status >= 500 || status === 429 || status === 408;
}
