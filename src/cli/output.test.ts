import assert from 'node:assert/strict';
import { PassThrough, Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { describe, it } from 'node:test';
import { isGantryError } from '../errors.ts';
import { createOutput, type Output, OutputClosed } from './output.ts';

const esc = '\u001b';

/** Returns the text that `use` writes to stdout and stderr. */
async function printed(
  use: (output: Output) => Promise<void> | void,
  { env = {}, isTTY = false }: { readonly env?: NodeJS.ProcessEnv; readonly isTTY?: boolean } = {},
): Promise<{ readonly stdout: string; readonly stderr: string }> {
  const stdout = new PassThrough();
  const stderr = Object.assign(new PassThrough(), { isTTY, columns: 60 });
  const both = Promise.all([text(stdout), text(stderr)]);
  await use(createOutput({ stdout, stderr, env }));
  stdout.end();
  stderr.end();
  const [out, err] = await both;
  return { stdout: out, stderr: err };
}

function failing(code: string): Writable {
  return new Writable({
    write: (_chunk, _encoding, done) =>
      done(Object.assign(new Error('write failed'), { code, syscall: 'write' })),
  });
}

describe('createOutput', () => {
  it('results go to stdout and notes to stderr', async () => {
    const { stdout, stderr } = await printed(async (output) => {
      await output.line('a');
      await output.write(new Uint8Array([98]));
      output.note('c');
    });
    assert.deepEqual([stdout, stderr], ['a\nb', 'c\n']);
  });

  it('foreign text cannot move the cursor or begin a line', async () => {
    const { stderr } = await printed((output) => output.note(`a\n${esc}[2Jb\u202ec\u2028d`));
    assert.equal(stderr, 'a\\u000a\\u001b[2Jb\\u202ec\\u2028d\n');
  });

  it('a note is cut to a readable length, and JSON never is', async () => {
    const long = 'a'.repeat(100_000);
    const { stderr } = await printed((output) => {
      output.note(long);
      output.record({ long });
    });
    const [note = '', record = ''] = stderr.split('\n');
    assert.match(note, /^a{4000}… \(96000 characters more\)$/);
    assert.deepEqual(JSON.parse(record), { long });
  });

  it('control characters are escaped as in JSON, and JSON keeps its meaning', async () => {
    const name = `a${esc}[2J\u009b\u007f\u202eb`;
    const { stdout } = await printed(async (output) => {
      await output.line(`${name}\nPASS: c`);
      await output.line(JSON.stringify({ name }));
    });
    const [first, second = ''] = stdout.split('\n');
    assert.equal(first, 'a\\u001b[2J\\u009b\\u007f\\u202eb\\u000aPASS: c');
    assert.doesNotMatch(second, /[\u007f-\u009f\u202e]/);
    assert.deepEqual(JSON.parse(second), { name });
  });

  it('createOutput colours notes on a terminal', async () => {
    const { stderr } = await printed((output) => output.note('a', 'error'), { isTTY: true });
    assert.equal(stderr, `${esc}[31ma${esc}[0m\n`);
  });

  for (const [name, options] of [
    ['elsewhere', {}],
    ['with NO_COLOR', { isTTY: true, env: { NO_COLOR: '1' } }],
    ['on a dumb terminal', { isTTY: true, env: { TERM: 'dumb' } }],
  ] as const) {
    it(`createOutput does not colour notes ${name}`, async () => {
      const { stderr } = await printed((output) => output.note('a', 'error'), options);
      assert.equal(stderr, 'a\n');
    });
  }

  it('an empty NO_COLOR has no effect', async () => {
    const { stderr } = await printed((output) => output.note('a', 'dim'), {
      isTTY: true,
      env: { NO_COLOR: '' },
    });
    assert.ok(stderr.startsWith(esc));
  });

  it('the status line stays below the notes', async () => {
    const { stderr } = await printed(
      (output) => {
        output.status('50%');
        output.note('a');
        output.status(undefined);
      },
      { isTTY: true, env: { NO_COLOR: '1' } },
    );
    const clear = `\r${esc}[K`;
    assert.equal(stderr, `${clear}50%${clear}a\n50%${clear}`);
  });

  it('a terminal without a width counts as 80 columns wide', () => {
    const stderr = Object.assign(new PassThrough(), { isTTY: true, columns: 0 });
    const output = createOutput({ stdout: new PassThrough(), stderr, env: {} });
    assert.equal(output.columns, 80);
    stderr.columns = 120;
    assert.equal(output.columns, 120);
  });

  it('createOutput shows no status line without a terminal', async () => {
    const { stderr } = await printed((output) => output.status('50%'));
    assert.equal(stderr, '');
  });

  it('a closed stdout and a full disk give different errors', async () => {
    const stderr = new PassThrough();
    const to = (code: string): Promise<void> =>
      createOutput({ stdout: failing(code), stderr, env: {} }).line('a');
    await assert.rejects(to('EPIPE'), OutputClosed);
    await assert.rejects(to('ENOSPC'), (error) => isGantryError(error, 'NO_SPACE'));
    await assert.rejects(to('EIO'), (error) => isGantryError(error, 'IO_FAILED'));
  });

  it('a closed stderr does not end the program', async () => {
    const output = createOutput({ stdout: new PassThrough(), stderr: failing('EPIPE'), env: {} });
    output.note('a');
    await new Promise((resolve) => setImmediate(resolve));
  });
});
