import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import { startRegistry, type TestRegistry } from '../../src/testing/start-registry.ts';
import { atEnd } from '../at-end.ts';
import { folder } from '../folder.ts';
import { needs } from '../peer.ts';
import { secret } from '../secret.ts';
import { fakeRegistry } from './fake-registry.ts';
import { type Ended, finished, type RunOptions, saidOnStderr, startGantry, startProgram } from './gantry.ts';
import { makeImage, makeIndex, store } from './images.ts';

type Tool = (args: readonly string[], options?: RunOptions) => Promise<Ended>;

const crane: Tool = (args, options = {}) => finished(startProgram('crane', args, options), options.input);
const gantry: Tool = (args, options = {}) => finished(startGantry(args, options), options.input);

/** Runs both programs, each in a folder of its own. */
const both = async (
  test: TestContext,
  args: readonly string[],
  prepare: (cwd: string) => Promise<void> = async () => {},
): Promise<readonly [Ended, Ended]> => {
  const run = async (tool: Tool): Promise<Ended> => {
    const cwd = await folder(test);
    await prepare(cwd);
    return tool(args, { cwd });
  };
  return [await run(crane), await run(gantry)];
};

/** `HOST` stands for the registry. Both programs run each row, with the same stdout and the same success or failure. */
const questions: readonly (readonly [line: string, ok: boolean])[] = [
  ['digest HOST/app:1', true],
  ['digest --full-ref HOST/app:1', true],
  ['digest --full-ref=true HOST/app:1', true],
  ['digest --full-ref=false HOST/app:1', true],
  ['digest HOST/index:1', true],
  ['digest --platform linux/arm64 HOST/index:1', true],
  ['--platform=linux/arm64 digest --full-ref HOST/index:1', true],
  ['digest --platform all HOST/index:1', true],
  ['digest --platform linux/s390x HOST/index:1', false],
  ['digest HOST/app:none', false],
  ['digest HOST/none:1', false],
  ['manifest HOST/app:1', true],
  ['manifest HOST/index:1', true],
  ['manifest HOST/index:1 --platform linux/arm64', true],
  ['manifest HOST/app:none', false],
  ['config HOST/app:1', true],
  ['config HOST/index:1', true],
  ['config --platform linux/arm64 HOST/index:1', true],
  ['ls HOST/app', true],
  ['ls --full-ref HOST/app', true],
  ['ls -O HOST/app', true],
  ['ls --omit-digest-tags --full-ref HOST/app', true],
  ['ls HOST/none', false],
  ['catalog HOST', true],
  ['catalog --full-ref HOST', true],
  ['validate --remote HOST/app:1', true],
  ['validate --remote HOST/index:1', true],
  ['validate --fast --remote HOST/app:1', true],
  ['auth get r.example', false],
  ['auth get HOST', false],
  ['pull --format zip HOST/app:1 x.tar', false],
  ['blob HOST/app:1', false],
  ['manifest HOST/Not/A/Name', false],
  ['push ./nothing-here HOST/app/other:1', false],
  ['no-such-command', false],
];

describe('a script written for crane', needs('crane'), () => {
  let registry: TestRegistry;
  before(async () => {
    registry = await startRegistry();
    await store(registry.registry, 'app', ['1', 'latest', 'sha256-abc.sig'], await makeImage('hello'));
    await store(registry.registry, 'index', ['1'], await makeIndex('hello'));
  });
  after(() => registry.close());

  for (const [line, ok] of questions) {
    it(`crane and gantry print the same: ${line}`, async (test) => {
      const args = line.split(' ').map((word) => word.replace('HOST', registry.host));
      const [expected, actual] = await both(test, args);
      assert.equal(expected.code === 0, ok, expected.stderr);
      assert.equal(actual.code === 0, ok, actual.stderr);
      assert.equal(actual.stdout, expected.stdout);
    });
  }

  it('crane and gantry print the same blob', async (test) => {
    const image = await makeImage('hello');
    const { digest } = (await image.manifest()).body.config;
    const [expected, actual] = await both(test, ['blob', `${registry.host}/app@${digest}`]);
    assert.equal(expected.code, 0);
    assert.equal(actual.stdout, expected.stdout);
  });

  for (const [name, puller, format, digest] of [
    ['crane pulled as a layout', crane, 'oci', 'same'],
    ['gantry pulled as a layout', gantry, 'oci', 'same'],
    ['crane pulled as a tarball', crane, 'tarball', 'same'],
    // crane makes a docker manifest for every tarball. gantry keeps the image's own manifest, which the tarball holds.
    ['gantry pulled as a tarball', gantry, 'tarball', 'original'],
    // Its layers are not compressed. The push compresses them, and no two compressors agree.
    ['crane pulled in the legacy form', crane, 'legacy', 'any'],
    ['gantry pulled in the legacy form', gantry, 'legacy', 'any'],
  ] as const) {
    it(`gantry pushes the image that ${name}`, async (test) => {
      const cwd = await folder(test);
      const pulled = await puller(['pull', '--format', format, `${registry.host}/app:1`, 'saved'], { cwd });
      assert.deepEqual([pulled.code, pulled.stdout], [0, ''], pulled.stderr);
      const push = async (tool: Tool): Promise<string> => {
        const args = ['push', 'saved', `${registry.host}/pushed:1`, '--image-refs', 'refs'];
        const { code, stdout, stderr } = await tool(args, { cwd });
        assert.equal(code, 0, stderr);
        assert.match(stdout, /^\S+\/pushed@sha256:[0-9a-f]{64}\n$/);
        assert.equal(`${await readFile(join(cwd, 'refs'), 'utf8')}\n`, stdout);
        return stdout;
      };
      const [expected, actual] = [await push(crane), await push(gantry)];
      const { stdout: original } = await crane(['digest', `${registry.host}/app:1`]);
      if (digest === 'same') assert.equal(actual, expected);
      if (digest === 'original') assert.ok(actual.endsWith(`@${original}`));
    });
  }

  it('crane and gantry pull an index into a layout as an index', async (test) => {
    const [expected, actual] = await Promise.all(
      [crane, gantry].map(async (tool) => {
        const cwd = await folder(test);
        const ended = await tool(
          ['pull', '--format=oci', '--annotate-ref', `${registry.host}/index:1`, 'l'],
          { cwd },
        );
        assert.equal(ended.code, 0, ended.stderr);
        return JSON.parse(await readFile(join(cwd, 'l', 'index.json'), 'utf8'));
      }),
    );
    assert.equal(actual.manifests.length, 1);
    assert.equal(actual.manifests[0].digest, expected.manifests[0].digest);
    assert.deepEqual(actual.manifests[0].annotations, expected.manifests[0].annotations);
  });

  it('a pull appends to an existing layout, and a push of that layout needs --index', async (test) => {
    for (const tool of [crane, gantry]) {
      const cwd = await folder(test);
      for (const image of ['app', 'index']) {
        const pulled = await tool(['pull', '--format=oci', `${registry.host}/${image}:1`, 'l'], { cwd });
        assert.equal(pulled.code, 0, pulled.stderr);
      }
      const one = await tool(['push', 'l', `${registry.host}/several:1`], { cwd });
      assert.notEqual(one.code, 0);
      const all = await tool(['push', '--index', 'l', `${registry.host}/several:1`], { cwd });
      assert.equal(all.code, 0, all.stderr);
      assert.match(all.stdout, /^\S+\/several@sha256:[0-9a-f]{64}\n$/);
    }
  });

  it('crane and gantry read a digest from an archive', async (test) => {
    const cwd = await folder(test);
    assert.equal((await crane(['pull', `${registry.host}/app:1`, 'x.tar'], { cwd })).code, 0);
    for (const args of [
      ['digest', '--tarball', 'x.tar'],
      ['validate', '--tarball', 'x.tar'],
      ['validate', '--tarball', 'x.tar', '--remote', `${registry.host}/app:1`],
    ]) {
      const [expected, actual] = await both(test, args, (to) => cp(join(cwd, 'x.tar'), join(to, 'x.tar')));
      assert.equal(expected.code, 0, expected.stderr);
      assert.equal(actual.stdout, expected.stdout);
    }
  });

  const assertSameCopies = async (command: string, image: string): Promise<void> => {
    const answers = await Promise.all(
      ['crane', 'gantry'].map((name) => crane([command, `${registry.host}/copy-${name}/${image}`])),
    );
    assert.equal(answers[0]?.code, 0, answers[0]?.stderr);
    assert.equal(answers[0]?.stdout, answers[1]?.stdout);
  };

  it('copy, tag and delete print nothing on stdout', async () => {
    for (const [name, tool] of [
      ['crane', crane],
      ['gantry', gantry],
    ] as const) {
      const copy = `${registry.host}/copy-${name}`;
      for (const args of [
        ['copy', `${registry.host}/index:1`, `${copy}/a:1`],
        ['cp', '--platform', 'linux/arm64', `${registry.host}/index:1`, `${copy}/b:1`],
        ['cp', '-a', '-j', '2', `${registry.host}/app`, `${copy}/c`],
        ['cp', '-an', `${registry.host}/app`, `${copy}/c`],
        ['tag', `${copy}/c:1`, 'more'],
        ['delete', `${copy}/c:more`],
      ]) {
        const { code, stdout, stderr } = await tool(args);
        assert.deepEqual([code, stdout], [0, ''], `${name} ${args.join(' ')}: ${stderr}`);
      }
      const refused = await tool(['cp', '-n', `${registry.host}/app:1`, `${copy}/c:1`]);
      assert.deepEqual([refused.code, refused.stdout], [1, '']);
    }
    for (const image of ['a:1', 'b:1', 'c:1']) await assertSameCopies('digest', image);
    await assertSameCopies('ls', 'c');
  });

  it('crane and gantry find the credentials that the other has stored', async (test) => {
    for (const [writer, reader] of [
      [crane, gantry],
      [gantry, crane],
    ] as const) {
      const env = { DOCKER_CONFIG: await folder(test) };
      await writeFile(join(env.DOCKER_CONFIG, 'config.json'), '{"HttpHeaders":{"X-Mine":"kept"}}');
      const unasked = writer === gantry ? ['--no-verify'] : [];
      const login = await writer(['auth', 'login', 'r.example', '-u', 'me', '--password-stdin', ...unasked], {
        env,
        input: `${secret('shared')}\n`,
      });
      assert.deepEqual([login.code, login.stdout], [0, ''], login.stderr);
      for (const registryName of ['r.example', 'index.docker.io']) {
        const [expected, actual] = [
          await writer(['auth', 'get', registryName], { env }),
          await reader(['auth', 'get', registryName], { env }),
        ];
        assert.deepEqual([actual.code, actual.stdout], [expected.code, expected.stdout]);
      }
      const logout = await reader(['auth', 'logout', 'r.example'], { env });
      assert.deepEqual([logout.code, logout.stdout], [0, ''], logout.stderr);
      assert.equal((await writer(['auth', 'get', 'r.example'], { env })).code, 1);
      assert.ok((await readFile(join(env.DOCKER_CONFIG, 'config.json'), 'utf8')).includes('kept'));
    }
  });

  it('crane and gantry get the same token, as a header and in JSON', async (test) => {
    const host = await fakeRegistry(test, (from, to) => {
      if (from.url?.startsWith('/token'))
        return to.end(JSON.stringify({ token: secret('crane'), expires_in: 300 }));
      if (from.headers.authorization === `Bearer ${secret('crane')}`) return to.end('{}');
      return to
        .writeHead(401, {
          'www-authenticate': `Bearer realm="http://${from.headers.host}/token",service="s"`,
        })
        .end();
    });
    for (const args of [['-H'], ['-H', '--push'], ['--header', '--push', '-m', `${host}/a/b,${host}/c/d`]]) {
      const [expected, actual] = await both(test, ['auth', 'token', ...args, `${host}/e/f`]);
      assert.equal(expected.stdout, `Authorization: Bearer ${secret('crane')}`);
      assert.equal(actual.stdout, expected.stdout, actual.stderr);
    }
    const [expected, actual] = await both(test, ['auth', 'token', `${host}/e/f`]);
    assert.equal(JSON.parse(actual.stdout).token, JSON.parse(expected.stdout).token);
  });

  for (const [name, start] of [
    ['crane', (args) => startProgram('crane', args)],
    ['gantry', (args) => startGantry(args)],
  ] as const satisfies readonly (readonly [string, (args: readonly string[]) => ChildProcess])[]) {
    it(`serve names its port on stderr: ${name}`, async (test) => {
      const child = start(['registry', 'serve', '--address', 'localhost:0']);
      atEnd(test, () => child.kill('SIGKILL'));
      // The test must listen before it reads on, or it could miss the message.
      const said = saidOnStderr(child, /serving on port (\d+)/);
      const ended = finished(child);
      const [, port] = await said;
      const { code, stdout } = await gantry(['catalog', `localhost:${port}`]);
      assert.deepEqual([code, stdout], [0, '']);
      child.kill();
      assert.equal((await ended).stdout, '');
    });
  }
});
