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

function stop(): void {
  process.stdin.destroy(new Error('interrupted'));
}
