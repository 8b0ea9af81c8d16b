import { TextDecoder } from 'node:util';
import { InputError } from '../errors.ts';

/** A password or the name of a registry: nothing else is read from there. */
const limit = 64 * 1024;

/** All that stdin holds, without the line feed at its end. Throws INVALID_OPTION if that is too much to be meant. */
export async function readStdin(signal: AbortSignal): Promise<string> {
  const decoder = new TextDecoder();
  signal.addEventListener('abort', stop, { once: true });
  let text = '';
  try {
    for await (const chunk of process.stdin) {
      text += typeof chunk === 'string' ? chunk : decoder.decode(chunk, { stream: true });
      if (text.length > limit) throw new InputError('INVALID_OPTION', 'stdin holds more than 64 KiB');
    }
  } finally {
    signal.removeEventListener('abort', stop);
  }
  return (text + decoder.decode()).replace(/\r?\n$/, '');
}

function stop(): void {
  process.stdin.destroy(new Error('interrupted'));
}
