import { isGantryError } from '../../errors.ts';
import { discard } from '../../flow/collect.ts';
import type { Digest } from '../../spec/digest.ts';
import type { SignalOptions } from '../../store/contract.ts';
import { uploadStateOf } from '../../wire/decode.ts';
import { encode } from '../../wire/encode.ts';
import { headerValue } from '../../wire/headers.ts';
import type { Exchange } from '../exchange.ts';
import { RemoteUpload } from './session.ts';

/**
 * Asks for a blob to be linked from another repository. A registry that would rather have the bytes answers with a
 * session, which then is the upload; every other answer (400, 401, 403, 404, 405 and 500 are seen for a source that
 * is unknown or closed) means that there was no mount and nothing else.
 */
export async function mountBlob(
  exchange: Exchange,
  repository: string,
  { digest, from }: { readonly digest: Digest; readonly from?: string },
  { signal }: SignalOptions = {},
): Promise<'mounted' | RemoteUpload | undefined> {
  const operation = {
    kind: 'upload.mount',
    repository,
    digest,
    ...(from === undefined ? {} : { from }),
  } as const;
  const request = encode(operation, exchange.base, {
    scopes: exchange.scopes,
    ...(signal === undefined ? {} : { signal }),
  });
  try {
    const response = await exchange.send(request);
    await discard(response.body);
    if (response.status === 201) return 'mounted';
    if (response.status !== 202 || headerValue(response.headers, 'location') === undefined) return undefined;
    return new RemoteUpload(exchange, repository, uploadStateOf(response, request.url));
  } catch (error) {
    // The right to read the source is a wish: without it the bytes are sent.
    if (isGantryError(error, 'DENIED') || isGantryError(error, 'UNAUTHORIZED')) return undefined;
    throw error;
  }
}
