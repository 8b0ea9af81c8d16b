import { fromBase64Url, toBase64Url } from '../../spec/base64url.ts';

/** Signs texts with a secret key, so that the process can verify them when a client returns them. */
export interface TokenSigner {
  /** Returns the signature: 43 characters of base64url. */
  sign(text: string): Promise<string>;
  /** Returns whether the signature is right. The time does not depend on the number of right characters. */
  verify(text: string, signature: string): Promise<boolean>;
}

type HmacKey = Parameters<typeof crypto.subtle.sign>[1];

const algorithm = { name: 'HMAC', hash: 'SHA-256' } as const;

/** One key serves several purposes. A signature for one purpose is invalid for the others. */
export function createSigner(key: Uint8Array, purpose: string): TokenSigner {
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
