import type { Content } from '../../flow/content.ts';
import type { Descriptor } from '../../spec/descriptor.ts';
import { digestAlgorithm } from '../../spec/digest.ts';
import type { StartOptions, WriteOptions, WriteOutcome } from '../../store/contract.ts';
import { uploadStateOf } from '../../wire/decode.ts';
import { type Exchange, performBodiless } from '../exchange.ts';
import { statBlob } from '../stat.ts';
import { mountBlob } from './mount.ts';
import { sendBlob } from './recover.ts';
import { RemoteUpload } from './session.ts';

/**
 * How a blob gets there, the cheapest way first: it exists, it is mounted, it is sent.
 * A mount that is declined leaves a session behind, which is used: nothing is asked twice.
 */
export async function writeBlob(
  exchange: Exchange,
  repository: string,
  blob: Descriptor,
  content: Content,
  options: WriteOptions = {},
): Promise<WriteOutcome> {
  const there = await statBlob(exchange, repository, blob.digest, options);
  if (there !== undefined) return 'existed';
  let session: RemoteUpload | undefined;
  for (const from of options.mountFrom ?? []) {
    if (from === repository) continue;
    await session?.cancel();
    const outcome = await mountBlob(exchange, repository, { digest: blob.digest, from }, options);
    if (outcome === 'mounted') return 'mounted';
    session = outcome;
  }
  const send = async (): Promise<void> => {
    const start = () => startUpload(exchange, repository, { ...options, ...algorithmOf(blob) });
    await sendBlob({ blob, content, start, ...(session === undefined ? {} : { session }) }, options);
  };
  await (options.pool === undefined ? send() : options.pool.run(send, options));
  return 'uploaded';
}

export async function startUpload(
  exchange: Exchange,
  repository: string,
  { signal, algorithm }: StartOptions = {},
): Promise<RemoteUpload> {
  // sha256 is what every registry takes for granted, so it is not said.
  const named = algorithm === undefined || algorithm === 'sha256' ? {} : { algorithm };
  const { request, response } = await performBodiless(
    exchange,
    { kind: 'upload.start', repository, ...named },
    [202],
    signal === undefined ? {} : { signal },
  );
  return new RemoteUpload(exchange, repository, uploadStateOf(response, request.url));
}

function algorithmOf({ digest }: Descriptor): Pick<StartOptions, 'algorithm'> {
  return digestAlgorithm(digest) === 'sha512' ? { algorithm: 'sha512' } : {};
}
