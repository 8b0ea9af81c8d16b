import type { Buffer } from 'node:buffer';
import { StringDecoder } from 'node:string_decoder';
import { InputError } from '../errors.ts';

/** The terminal for questions to a person. */
export interface Terminal {
  readonly input: NodeJS.ReadableStream & Pick<NodeJS.ReadStream, 'isRaw' | 'setRawMode'>;
  /** Never stdout, which is for results. */
  readonly output: NodeJS.WritableStream;
}

/** Returns the terminal, if the process has one. */
export function findTerminal(): Terminal | undefined {
  return process.stdin.isTTY ? { input: process.stdin, output: process.stderr } : undefined;
}

export interface AskOptions {
  /** Hides the typed answer. */
  readonly hidden?: boolean | undefined;
  readonly signal: AbortSignal;
}

const interrupt = '\u0003';
const end = '\u0004';
const erase = new Set(['\b', '\u007f']);
const eraseAll = '\u0015';

/**
 * Asks for one line.
 * @throws INVALID_OPTION when none is typed, and the signal's reason when it aborts
 */
export function askUser(
  { input, output }: Terminal,
  question: string,
  { hidden = false, signal }: AskOptions,
): Promise<string> {
  const decoder = new StringDecoder();
  const wasRaw = input.isRaw;
  return new Promise((resolve, reject) => {
    let typed: string[] = [];

    const settle = (then: () => void): void => {
      input.off('data', onData).off('end', onEnd);
      signal.removeEventListener('abort', onAbort);
      input.setRawMode(wasRaw);
      input.pause();
      output.write('\n');
      then();
    };
    const onEnd = (): void => settle(() => reject(new InputError('INVALID_OPTION', 'nothing was typed')));
    const onAbort = (): void => settle(() => reject(signal.reason));
    const onData = (data: Buffer): void => {
      const keys = Array.from(decoder.write(data));
      for (const [at, key] of keys.entries()) {
        if (key === '\r' || key === '\n') {
          settle(() => resolve(typed.join('')));
          // Text typed ahead answers the next question.
          const rest = keys.slice(at + 1).join('');
          if (rest !== '') input.unshift(rest);
          return;
        }
        if (key === end && typed.length === 0) {
          onEnd();
          return;
        }
        // In raw mode the terminal converts no keys to signals.
        if (key === interrupt) process.kill(process.pid, 'SIGINT');
        else if (key === eraseAll) show('\b \b'.repeat(typed.splice(0).length));
        else if (erase.has(key)) show('\b \b'.repeat(typed.splice(-1).length));
        else if (key >= ' ') {
          typed = [...typed, key];
          show(key);
        }
      }
    };
    const show = (text: string): void => {
      if (!hidden) output.write(text);
    };

    // Raw mode comes first, so that text typed at the sight of the question is hidden.
    input.setRawMode(true);
    output.write(question);
    input.on('data', onData).on('end', onEnd);
    input.resume();
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
  });
}
