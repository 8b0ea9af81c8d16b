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
 * Compares the digest in the answer to a put with the digest of the content. Distribution answers every put with a sha256: it
 * links a blob also under its sha512, and keeps a manifest under sha256 alone. So if the algorithms differ, or the answer has no
 * digest and the content's is no sha256, gantry asks the registry for the content.
 * Throws DIGEST_INVALID for other content, UNSUPPORTED for a digest that the registry does not keep.
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
    throw new ContentError('DIGEST_INVALID', `${what}: the registry stored ${said}, not ${digest}`, {
      expected: digest,
      actual: said,
    });
  }
  signal?.throwIfAborted();
  if ((await find()) !== undefined) return;
  const instead =
    said === undefined ? 'the registry does not have it under' : `the registry stored it as ${said}, not as`;
  throw notKept(digest, `${what}: ${instead} ${digest}`);
}

/**
 * Turns a refused digest other than sha256 into UNSUPPORTED: the bytes surely have this digest, so the registry cannot compute
 * it. Every registry computes sha256.
 */
export async function refusedAsUnsupported<T>(digest: Digest, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const isRefusal = isGantryError(error, 'DIGEST_INVALID') && error.response !== undefined;
    if (!isRefusal || digestAlgorithm(digest) === 'sha256') throw error;
    const { message, response } = error;
    throw notKept(digest, message, { cause: error, response });
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
 * Returns the same content, verified while it goes out whole if its digest is a sha512. A refusal is then about the registry,
 * and not about the bytes.
 */
export function surelyOf(blob: Descriptor, content: Content): Content {
  if (digestAlgorithm(blob.digest) !== 'sha512') return content;
  return mapContent(content, (source, { from = 0, to = blob.size }) =>
    from === 0 && to === blob.size ? verified(source, { ...blob, what: `blob ${blob.digest}` }) : source,
  );
}
