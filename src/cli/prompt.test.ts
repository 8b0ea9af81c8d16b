import assert from 'node:assert/strict';
import { PassThrough, Writable } from 'node:stream';
import { describe, it } from 'node:test';
import { secret } from '../../test/secret.ts';
import { isGantryError } from '../errors.ts';
import { type AskOptions, askUser, type Terminal } from './prompt.ts';

const signal = new AbortController().signal;

interface Screen extends Terminal {
  readonly input: Terminal['input'] & PassThrough;
  shown(): string;
}

function createScreen(): Screen {
  let shown = '';
  const input = Object.assign(new PassThrough(), {
    isRaw: false,
    setRawMode(mode: boolean): never {
      input.isRaw = mode;
      return input as never;
    },
  });
  const output = new Writable({
    write(chunk, _, done) {
      shown += String(chunk);
      done();
    },
  });
  return { input, output, shown: () => shown };
}

async function answerTo(
  typed: readonly string[],
  options: Partial<AskOptions> = {},
): Promise<[string, string]> {
  const screen = createScreen();
  const answer = askUser(screen, 'name: ', { signal, ...options });
  for (const text of typed) screen.input.write(text);
  const result = await answer;
  assert.equal(screen.input.isRaw, false);
  return [result, screen.shown()];
}

describe('askUser', () => {
  it('askUser shows the typed text', async () => {
    assert.deepEqual(await answerTo(['me', '\r']), ['me', 'name: me\n']);
  });
  it('askUser shows nothing of a hidden answer', async () => {
    const typed = secret('typed');
    const [answer, shown] = await answerTo([typed.slice(0, 3), `${typed.slice(3)}\n`], { hidden: true });
    assert.deepEqual([answer === typed, shown], [true, 'name: \n']);
  });
  it('askUser accepts characters of several bytes', async () => {
    const screen = createScreen();
    const answer = askUser(screen, '', { signal, hidden: true });
    for (const byte of Buffer.from('pässwörd😀\r')) screen.input.write(Buffer.of(byte));
    assert.equal(await answer, 'pässwörd😀');
  });
  it('askUser erases one character or the whole line', async () => {
    assert.equal((await answerTo(['ab\u007fc\b\bd\u007f\u007f\u007fe\r'], { hidden: true }))[0], 'e');
    assert.equal((await answerTo(['wrong\u0015right\r']))[0], 'right');
  });
  it('askUser ignores keys that are no characters', async () => {
    assert.equal((await answerTo(['a\u0001\tb\r']))[0], 'ab');
  });
  it('askUser keeps text typed ahead for the next question', async () => {
    const screen = createScreen();
    screen.input.write('me\rpw\r');
    assert.equal(await askUser(screen, '', { signal }), 'me');
    assert.equal(await askUser(screen, '', { signal, hidden: true }), 'pw');
    assert.ok(!screen.shown().includes('pw'));
  });
  it('askUser throws INVALID_OPTION without an answer', async () => {
    await assert.rejects(answerTo(['\u0004']), (error) => isGantryError(error, 'INVALID_OPTION'));
    const screen = createScreen();
    screen.input.end();
    await assert.rejects(askUser(screen, '', { signal }), (error) => isGantryError(error, 'INVALID_OPTION'));
  });
  it('askUser ends with the signal and restores the terminal', async () => {
    const screen = createScreen();
    const abort = new AbortController();
    const asked = askUser(screen, '', { signal: abort.signal, hidden: true });
    assert.equal(screen.input.isRaw, true);
    const reason = new Error('enough');
    abort.abort(reason);
    await assert.rejects(asked, (error) => error === reason);
    assert.equal(screen.input.isRaw, false);
    await assert.rejects(askUser(screen, '', { signal: abort.signal }), (error) => error === reason);
  });
});
