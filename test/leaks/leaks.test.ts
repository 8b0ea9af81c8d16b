import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { binary } from '../cli/gantry.ts';
import { folder } from '../folder.ts';
import { secret } from '../secret.ts';
import { excuse } from './exceptions.ts';
import { type Finding, findingsVariable, readRecords } from './finding.ts';

/** The search finds a planted secret: otherwise its silence would prove nothing. */

const errors = new URL('../../src/errors.js', import.meta.url).href;
const secrets = new URL('../secret.js', import.meta.url).href;
const watch = new URL('./watch.js', import.meta.url).href;

const preamble = `
  import { spawn, execFile } from 'node:child_process';
  import diagnostics from 'node:diagnostics_channel';
  import { ContentError, CopyError } from ${JSON.stringify(errors)};
  import { secret } from ${JSON.stringify(secrets)};
  const planted = secret('planted');
  const say = (text, where = 'stdout', ...more) =>
    spawn(process.execPath, ['-e', \`process.\${where}.write(Buffer.from('\${Buffer.from(text).toString('base64')}', 'base64'))\`, ...more]);
`;

/** Returns the findings in a process that runs this code as a test file. */
async function findingsOf(dir: string, code: string): Promise<readonly Finding[]> {
  const findings = join(dir, 'findings');
  await mkdir(findings);
  const env = { ...process.env, [findingsVariable]: findings, NODE_OPTIONS: `--import ${watch}` };
  const child = spawn(process.execPath, ['--input-type=module', '-e', preamble + code], { cwd: dir, env });
  const [status] = await once(child, 'close');
  assert.equal(status, 0);
  const records = readRecords(findings);
  assert.equal(records.filter(({ searched }) => searched !== undefined).length, 1);
  return records.flatMap(({ finding }) => finding ?? []);
}

describe('a secret is found', () => {
  const rows: readonly (readonly [where: string, code: string])[] = [
    ['error', 'new ContentError("TOO_LARGE", "no " + planted)'],
    ['error', 'new ContentError("TOO_LARGE", "x", { actual: planted })'],
    ['error', 'new CopyError("x", { side: "source", step: planted })'],
    ['error', 'new CopyError("x", { side: "source", step: "x", cause: new Error(planted) })'],
    ['event', 'diagnostics.channel("gantry:wire").publish({ kind: "request", headers: { a: [planted] } })'],
    ['stdout', 'say(planted)'],
    ['stderr', 'say(planted, "stderr")'],
    ['stdout', 'say("x".repeat(70_000) + planted)'],
    ['stdout', 'say(Buffer.from(planted).toString("hex"))'],
    ['stdout', 'say(Buffer.from(planted).toString("base64url"))'],
    ['stdout', 'say(encodeURIComponent(planted))'],
    ['stdout', 'say(Buffer.from(planted).toString("hex").replace(/../g, "%$&"))'],
    ...['', 'a:', 'ab:', 'abc:'].map(
      (user) => ['stdout', `say(Buffer.from("${user}" + planted).toString("base64"))`] as const,
    ),
    ['stdout', 'execFile(process.execPath, ["-e", "console.log(process.argv[1])", planted])'],
    ['arguments', `spawn(process.execPath, ["-e", "", ${JSON.stringify(binary)}, planted])`],
    [
      'title',
      // The program stays until its output has been read, since a busy machine reads the title late.
      `const child = spawn(process.execPath, ["-e", "process.stdout.write('x'); process.stdin.resume()", ${JSON.stringify(binary)}, planted]);
       child.stdout.once("data", () => child.stdin.end())`,
    ],
  ];
  for (const [where, code] of rows) {
    const skip = where === 'title' && process.platform !== 'linux' && 'Linux shows titles in /proc';
    it(`a secret is found in ${where}: ${code.replace(binary, 'gantry')}`, { skip }, async (test) => {
      const found = await findingsOf(await folder(test), code);
      assert.ok(
        found.some((finding) => finding.where === where),
        JSON.stringify(found),
      );
      assert.ok(!JSON.stringify(found).includes(secret('')));
    });
  }

  it('a run without a shown secret has no findings', async (test) => {
    const code = 'say("harmless"); new ContentError("TOO_LARGE", "x")';
    assert.deepEqual(await findingsOf(await folder(test), code), []);
  });
});

/** Requests a repository with the secret as its name from `gantry serve`, so the log holds the secret. */
const asked = (flags: readonly string[]): string => `
  const child = spawn(process.execPath, ${JSON.stringify([binary, 'serve', ...flags])});
  let said = '';
  child.stderr.on('data', async (chunk) => {
    const [, host] = /serving on port \\d+: http:..(\\S+),/.exec((said += chunk)) ?? [];
    if (host === undefined) return;
    said = '';
    await (await fetch('http://' + host + '/v2/' + planted + '/tags/list')).arrayBuffer();
    child.kill();
  });
  child.stdout.resume();`;

describe('a secret in the log of a served registry is found', () => {
  for (const [where, file] of [
    ['stdout', '-'],
    ['log', 'served.log'],
  ] as const) {
    it(`a secret in the log of a served registry is found with --log ${file}`, async (test) => {
      const found = await findingsOf(await folder(test), asked(['--log', file]));
      assert.deepEqual(
        found.map((finding) => finding.where),
        [where],
      );
    });
  }
});

describe('a secret that is shown on purpose', () => {
  for (const [name, finding, excused] of [
    ['auth get on stdout', { where: 'stdout', command: 'node main.js auth get r.example' }, true],
    ['auth get of the bundle on stdout', { where: 'stdout', command: 'node gantry.cjs -v auth get x' }, true],
    ['auth get of an executable', { where: 'stdout', command: 'gantry-linux-x64 auth get x' }, true],
    ['auth get on stderr', { where: 'stderr', command: 'node main.js auth get r.example' }, false],
    ['auth login on stdout', { where: 'stdout', command: 'node main.js auth login r.example' }, false],
    ['-p in the arguments', { where: 'arguments', command: 'node main.js auth login -p x' }, true],
    ['-p in the title', { where: 'title', command: 'node main.js auth login -p x' }, false],
  ] as const) {
    it(`${name} is ${excused ? '' : 'not '}excused`, () => {
      assert.equal(excuse({ file: 'x.test.js', shown: '', ...finding }) !== undefined, excused);
    });
  }
});
