import { TextDecoder } from 'node:util';
import { InputError } from '../errors.ts';

/** Only a password or the name of a registry is read from stdin. */
const limit = 64 * 1024;

/**
 * Returns all of stdin without its last line feed.
 * @throws INVALID_OPTION above 64 KiB
 */
export async function readStdin(signal: AbortSignal): Promise<string> {
  const decoder = new TextDecoder();
  signal.addEventListener('abort', stop, { once: true });
  let text = '';
  try {
    for await (const chunk of process.stdin) {
      text += typeof chunk === 'string' ? chunk : decoder.decode(chunk, { stream: true });
      if (text.length > limit)
        throw new InputError(
          'INVALID_OPTION',
          'stdin has more than 64 KiB, which is too long for a password or a name',
        );
    }
  } finally {
    signal.removeEventListener('abort', stop);
  }
  return (text + decoder.decode()).replace(/\r?\n$/, '');
}

/**
 * Returns all bytes of stdin.
 * @throws INVALID_OPTION above the limit
 */
export async function readStdinBytes(signal: AbortSignal, most: number): Promise<Uint8Array> {
  signal.addEventListener('abort', stop, { once: true });
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of process.stdin) {
      const bytes = Buffer.from(chunk);
      length += bytes.byteLength;
      if (length > most)
        throw new InputError('INVALID_OPTION', `stdin has more than the limit of ${most} bytes`);
      chunks.push(bytes);
    }
  } finally {
    signal.removeEventListener('abort', stop);
  }
  return Buffer.concat(chunks);
}

function stop(): void {
  process.stdin.destroy(new Error('interrupted'));
}
