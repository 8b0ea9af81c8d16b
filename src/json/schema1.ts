import { fromBase64Url } from '../spec/base64url.ts';
import { parseJson } from './parse.ts';

/** Above the limit of a manifest. Other code checks that limit. */
const maxBytes = 4 * 1024 * 1024;

/**
 * Returns the payload of a signed docker schema 1 manifest, over which its digest is computed instead of its own bytes.
 * Returns undefined for a document that is not signed in this form.
 * @see https://github.com/distribution/distribution/blob/v2.8.3/docs/spec/manifest-v2-1.md#signed-manifests
 */
export function signedPayload(bytes: Uint8Array): Uint8Array | undefined {
  try {
    const what = 'schema 1 manifest';
    const [first] = listOf(fieldOf(parseJson(bytes, { what, maxBytes }), 'signatures'));
    const header = parseJson(fromText(fieldOf(first, 'protected')), { what });
    const length = fieldOf(header, 'formatLength');
    const tail = fromText(fieldOf(header, 'formatTail'));
    if (typeof length !== 'number' || !Number.isSafeInteger(length)) return undefined;
    if (length < 0 || length > bytes.byteLength) return undefined;
    const payload = new Uint8Array(length + tail.byteLength);
    payload.set(bytes.subarray(0, length));
    payload.set(tail, length);
    return payload;
  } catch {
    return undefined;
  }
}

function fieldOf(value: unknown, name: string): unknown {
  const fields = new Map<string, unknown>(
    typeof value === 'object' && value !== null ? Object.entries(value) : [],
  );
  return fields.get(name);
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** Throws TypeError when the value is no text in base64url. */
function fromText(value: unknown): Uint8Array {
  const bytes = fromBase64Url(String(value).replace(/={1,2}$/, ''));
  if (bytes === undefined) throw new TypeError('not base64url');
  return bytes;
}
