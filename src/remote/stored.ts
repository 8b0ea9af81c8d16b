import { ContentError, isGantryError, UnsupportedError } from '../errors.ts';
import { type Content, mapContent } from '../flow/content.ts';
import { verified } from '../flow/verify.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import { type Digest, digestAlgorithm } from '../spec/digest.ts';
import { digestHeader } from '../wire/decode.ts';
import type { HttpResponse } from '../wire/message.ts';

interface Stored {
  /** The digest under which the content was put. */
  readonly digest: Digest;
  /** The subject of an error: `manifest ghcr.io/acme/app:1`. */
  readonly what: string;
  /** Asks whether the registry has the content under that digest. */
  readonly find: () => Promise<Descriptor | undefined>;
}

/**
 * Compares the digest under which a registry says that it stored something with the one that was meant. Distribution
 * answers every put with a sha256: it links a blob under its sha512 too, and keeps a manifest under sha256 alone. So where
 * the algorithms differ, or the answer names no digest for one that is not sha256, the registry is asked.
 * Throws DIGEST_INVALID for other content, UNSUPPORTED for a digest that it does not keep.
 */
export async function checkStored(
  response: HttpResponse,
  { digest, what, find }: Stored,
  { signal }: { readonly signal?: AbortSignal | undefined } = {},
): Promise<void> {
  const said = digestHeader(response);
  if (said === digest) return;
  const algorithm = digestAlgorithm(digest);
  if (said === undefined && algorithm === 'sha256') return;
  if (said !== undefined && digestAlgorithm(said) === algorithm) {
    throw new ContentError('DIGEST_INVALID', `${what}: the registry says it stored ${said}, not ${digest}`, {
      expected: digest,
      actual: said,
    });
  }
  signal?.throwIfAborted();
  if ((await find()) !== undefined) return;
  const instead = said === undefined ? 'it is not there under' : `the registry stored it as ${said}, not as`;
  throw notKept(digest, `${what}: ${instead} ${digest}`);
}

/**
 * Names a refusal for what it is: the bytes have this digest for certain, so a registry that says otherwise can't compute
 * it. Only for digests that are not sha256, which every registry computes.
 */
export async function refusedAsUnsupported<T>(digest: Digest, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const isRefusal = isGantryError(error, 'DIGEST_INVALID') && error.response !== undefined;
    if (!isRefusal || digestAlgorithm(digest) === 'sha256') throw error;
    const { message, response } = error;
    throw notKept(digest, message, { cause: error, ...(response === undefined ? {} : { response }) });
  }
}

function notKept(
  digest: Digest,
  message: string,
  fields: ConstructorParameters<typeof UnsupportedError>[2] = {},
): UnsupportedError {
  const algorithm = digestAlgorithm(digest);
  const advice = `this registry keeps no ${algorithm} digest here; use a registry that does, or an image whose digests are sha256`;
  return new UnsupportedError(`${algorithm} digests`, `${message}; ${advice}`, fields);
}

/**
 * The same content, checked while it goes out whole where the digest is a sha512: a registry's refusal then tells of the
 * registry, and not of the bytes.
 */
export function surelyOf(blob: Descriptor, content: Content): Content {
  if (digestAlgorithm(blob.digest) !== 'sha512') return content;
  return mapContent(content, (source, { from = 0, to = blob.size }) =>
    from === 0 && to === blob.size ? verified(source, { ...blob, what: `blob ${blob.digest}` }) : source,
  );
}
