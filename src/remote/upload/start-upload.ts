import { discard } from '../../flow/collect.ts';
import type { StartOptions } from '../../store/upload.ts';
import { startAlgorithm } from '../../store/write.ts';
import { encode } from '../../wire/encode.ts';
import type { HeaderMap } from '../../wire/message.ts';
import { ask, type Exchange } from '../exchange.ts';
import { cancelsLate } from './late-session.ts';
import type { UploadOptions } from './plan.ts';
import { openedUpload, type RemoteUpload } from './session.ts';

/** Starts an upload session. */
export async function startUpload(
  exchange: Exchange,
  repository: string,
  options: StartOptions = {},
): Promise<RemoteUpload> {
  const { signal } = options;
  const algorithm = startAlgorithm(options);
  // Every registry takes sha256 for granted, so the request does not name it.
  const named = algorithm === 'sha256' ? {} : { algorithm };
  const operation = { kind: 'upload.start', repository, ...named } as const;
  const request = encode(operation, exchange.base, { signal, scopes: exchange.scopes });
  const answer = await ask(exchange, cancelsLate(exchange, repository, request), operation, [202]);
  await discard(answer.response.body);
  return openedUpload(exchange, repository, answer);
}

/** Returns the headers of a commit. */
export function commitHeaders(
  { sendMediaType = false }: UploadOptions,
  mediaType: string | undefined,
): HeaderMap {
  return sendMediaType && mediaType !== undefined ? { 'oci-layer-media-type': [mediaType] } : {};
}
