import { fromBase64Url, toBase64Url } from '../../spec/base64url.ts';

/** Marks texts with a key that nobody else has, so that they are known again when a client brings them back. */
export interface Signer {
  /** The text's mark: 43 characters of base64url. */
  sign(text: string): Promise<string>;
  /** Whether the mark is the text's, in a time that does not depend on how much of it is right. */
  verify(text: string, signature: string): Promise<boolean>;
}

type HmacKey = Parameters<typeof crypto.subtle.sign>[1];

const algorithm = { name: 'HMAC', hash: 'SHA-256' } as const;

/** One key serves several purposes: what was marked for one is nothing for another. */
export function createSigner(key: Uint8Array, purpose: string): Signer {
  let made: Promise<HmacKey> | undefined;
  const ready = (): Promise<HmacKey> => {
    made ??= deriveKey(key, purpose);
    return made;
  };
  return {
    async sign(text) {
      const bytes = await crypto.subtle.sign(algorithm, await ready(), encode(text));
      return toBase64Url(new Uint8Array(bytes));
    },
    async verify(text, signature) {
      const bytes = fromBase64Url(signature);
      if (bytes === undefined) return false;
      return await crypto.subtle.verify(algorithm, await ready(), bytes, encode(text));
    },
  };
}

async function deriveKey(key: Uint8Array, purpose: string): Promise<HmacKey> {
  const root = await importKey(new Uint8Array(key));
  return await importKey(new Uint8Array(await crypto.subtle.sign(algorithm, root, encode(purpose))));
}

function importKey(bytes: Uint8Array<ArrayBuffer>): Promise<HmacKey> {
  return crypto.subtle.importKey('raw', bytes, algorithm, false, ['sign', 'verify']);
}

function encode(text: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(new TextEncoder().encode(text));
}
