import assert from 'node:assert/strict';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { bytesContent } from '../../src/flow/content.ts';
import { createImage } from '../../src/image/create.ts';
import { createLayer } from '../../src/image/layer.ts';
import { MediaType } from '../../src/spec/media-type.ts';
import { startRegistry } from '../../src/testing/start-registry.ts';
import { folder } from '../folder.ts';
import { secret } from '../secret.ts';
import { gantry, type RunOptions } from './gantry.ts';
import { makeImage, makeIndex, store } from './images.ts';

/** Runs a command that must succeed, and returns its stdout. */
async function stdoutOf(line: string, options: RunOptions = {}): Promise<string> {
  const { code, stdout, stderr } = await gantry(line.split(' '), options);
  assert.equal(code, 0, stderr);
  return stdout;
}

async function jsonOf(line: string, options: RunOptions = {}): Promise<Record<string, unknown>> {
  const value: unknown = JSON.parse(await stdoutOf(line, options));
  assert.ok(typeof value === 'object' && value !== null);
  return { ...value };
}

describe('the output of the commands', () => {
  it('copy brings layers that are not meant to be distributed only where that is allowed', async () => {
    await using from = await startRegistry();
    await using to = await startRegistry();
    const bytes = new Uint8Array(9);
    const foreign = createLayer(bytesContent(bytes), { mediaType: MediaType.ociForeignLayer });
    const platform = { os: 'linux', architecture: 'amd64' };
    await store(from.registry, 'app', ['1'], createImage({ config: platform, layers: [foreign] }));
    const { digest } = await foreign.descriptor();
    await from.registry.repository('app').blobs.write(await foreign.descriptor(), bytesContent(bytes));
    for (const [name, flags] of [
      ['without', ''],
      ['with', ' --allow-nondistributable-artifacts'],
    ]) {
      await stdoutOf(`copy ${from.host}/app:1 ${to.host}/${name}:1${flags}`);
    }
    assert.equal(await to.registry.repository('without').blobs.stat(digest), undefined);
    assert.notEqual(await to.registry.repository('with').blobs.stat(digest), undefined);
  });

  it('push, digest, ls, catalog, tag, copy and delete work together', async (test) => {
    await using registry = await startRegistry();
    const cwd = await folder(test);
    const { host } = registry;
    const image = await makeImage('hello');
    const { digest, size, mediaType } = await store(registry.registry, 'acme/source', ['1'], image);

    await stdoutOf(`pull --format=oci ${host}/acme/source:1 layout`, { cwd });
    const pushed = await stdoutOf(`push layout ${host}/acme/app:1 --image-refs refs`, { cwd });
    assert.equal(pushed, `${host}/acme/app@${digest}\n`);
    assert.equal(await readFile(join(cwd, 'refs'), 'utf8'), `${host}/acme/app@${digest}`);
    assert.deepEqual(await jsonOf(`push --json layout ${host}/acme/app:1`, { cwd }), {
      reference: `${host}/acme/app@${digest}`,
      mediaType,
      digest,
      size,
    });

    assert.equal(await stdoutOf(`tag ${host}/acme/app:1 2`), '');
    assert.equal((await jsonOf(`--json tag ${host}/acme/app:1 sha256-abc`))['digest'], digest);
    assert.equal(await stdoutOf(`ls ${host}/acme/app`), '1\n2\nsha256-abc\n');
    assert.equal(
      await stdoutOf(`ls -O --full-ref ${host}/acme/app`),
      `${host}/acme/app:1\n${host}/acme/app:2\n`,
    );
    assert.deepEqual(await jsonOf(`ls -O ${host}/acme/app --json`), {
      repository: `${host}/acme/app`,
      tags: ['1', '2'],
    });

    assert.equal(await stdoutOf(`copy ${host}/acme/app:1 ${host}/acme/other:1`), '');
    assert.equal(await stdoutOf(`catalog ${host}`), 'acme/app\nacme/other\nacme/source\n');
    assert.deepEqual((await jsonOf(`catalog --json ${host}`))['repositories'], [
      'acme/app',
      'acme/other',
      'acme/source',
    ]);

    assert.equal(await stdoutOf(`digest ${host}/acme/other:1`), `${digest}\n`);
    assert.equal(await stdoutOf(`delete ${host}/acme/app:2`), '');
    assert.deepEqual(await jsonOf(`delete ${host}/acme/app:1 --json`), {
      dryRun: false,
      deleted: [`${host}/acme/app:1`],
      planned: [],
      kept: [],
      failed: [],
    });
    assert.equal(await stdoutOf(`ls -O ${host}/acme/app`), '');
  });

  it('manifest, config and blob are byte for byte, whatever is asked for', async () => {
    await using registry = await startRegistry();
    const image = await makeImage('hello');
    await store(registry.registry, 'app', ['1'], image);
    const reference = `${registry.host}/app:1`;
    const { bytes, body } = await image.manifest();
    const config = new TextDecoder().decode(await image.rawConfig());
    assert.equal(await stdoutOf(`manifest ${reference}`), new TextDecoder().decode(bytes));
    assert.equal(await stdoutOf(`manifest --json ${reference}`), new TextDecoder().decode(bytes));
    assert.equal(await stdoutOf(`config ${reference}`), config);
    assert.equal(await stdoutOf(`blob ${registry.host}/app@${body.config.digest}`), config);
  });

  it('one platform is taken out of an index', async () => {
    await using registry = await startRegistry();
    const index = await makeIndex('hello');
    const root = await store(registry.registry, 'app', ['1'], index);
    const reference = `${registry.host}/app:1`;
    const [amd64, arm64] = (await index.manifest()).body.manifests;
    assert.ok(amd64 && arm64);
    assert.equal(await stdoutOf(`digest ${reference}`), `${root.digest}\n`);
    assert.equal(await stdoutOf(`digest --platform all ${reference}`), `${root.digest}\n`);
    assert.equal(await stdoutOf(`digest --platform linux/arm64 ${reference}`), `${arm64.digest}\n`);
    assert.equal(await stdoutOf(`--platform linux/arm64 digest ${reference}`), `${arm64.digest}\n`);
    const config: unknown = JSON.parse(await stdoutOf(`config ${reference}`));
    assert.ok(typeof config === 'object' && config !== null && 'architecture' in config);
    assert.equal(config.architecture, 'amd64');

    const copied = await jsonOf(`cp --json --platform linux/arm64 ${reference} ${registry.host}/one:1`);
    assert.equal(copied['digest'], arm64.digest);
    const both = await jsonOf(
      `cp --json --platform linux/arm64,linux/amd64 ${reference} ${registry.host}/two:1`,
    );
    assert.equal(both['mediaType'], 'application/vnd.oci.image.index.v1+json');
    const sparse = await jsonOf(
      `cp --json --sparse --platform linux/arm64 ${reference} ${registry.host}/sparse:1`,
    );
    assert.equal(sparse['digest'], root.digest);
    assert.equal((await gantry(['digest', `${registry.host}/sparse@${amd64.digest}`])).code, 3);
  });

  it('inspect shows what is inside', async () => {
    await using registry = await startRegistry();
    const index = await makeIndex('hello');
    const { digest } = await store(registry.registry, 'app', ['1'], index);
    const text = await stdoutOf(`inspect ${registry.host}/app:1`);
    for (const part of [digest, 'linux/amd64', 'linux/arm64', 'title']) assert.ok(text.includes(part), part);
    const value = await jsonOf(`inspect --json ${registry.host}/app:1`);
    assert.equal(value['kind'], 'index');
    assert.equal(value['digest'], digest);
    const image = await jsonOf(`inspect --json --platform linux/arm64 ${registry.host}/app:1`);
    assert.equal(image['kind'], 'image');
    assert.deepEqual(image['labels'], { title: 'hello arm64' });
  });

  it('pull saves an archive that push and digest read', async (test) => {
    await using registry = await startRegistry();
    const cwd = await folder(test);
    const { digest } = await store(registry.registry, 'app', ['1'], await makeImage('hello'));
    for (const format of ['tarball', 'legacy']) {
      assert.equal(
        await stdoutOf(`pull --format ${format} ${registry.host}/app:1 ${format}.tar`, { cwd }),
        '',
      );
      assert.match(await stdoutOf(`digest --tarball ${format}.tar`, { cwd }), /^sha256:[0-9a-f]{64}\n$/);
      assert.equal(await stdoutOf(`validate --tarball ${format}.tar`, { cwd }), `PASS: ${format}.tar\n`);
    }
    assert.equal(await stdoutOf('digest --tarball tarball.tar', { cwd }), `${digest}\n`);
    const pulled = await jsonOf(`pull --json ${registry.host}/app:1 again.tar`, { cwd });
    assert.deepEqual([pulled['path'], pulled['format']], ['again.tar', 'tarball']);
  });

  it('pull keeps layers in a cache folder and takes them from there', async (test) => {
    await using registry = await startRegistry();
    const cwd = await folder(test);
    await store(registry.registry, 'app', ['1'], await makeImage('hello'));
    await stdoutOf(`pull -c cache ${registry.host}/app:1 a.tar`, { cwd });
    assert.ok((await stat(join(cwd, 'cache'))).isDirectory());
    const wire = await gantry(['-v', 'pull', '-c', 'cache', `${registry.host}/app:1`, 'b.tar'], { cwd });
    assert.equal(wire.code, 0, wire.stderr);
    assert.ok(!wire.stderr.includes('GET http://') || !/--> GET \S+\/blobs\//.test(wire.stderr));
  });

  it('several images go into one layout, with their names if asked for', async (test) => {
    await using registry = await startRegistry();
    const cwd = await folder(test);
    for (const text of ['a', 'b']) await store(registry.registry, text, ['1'], await makeImage(text));
    const images = `${registry.host}/a:1 ${registry.host}/b:1`;
    await stdoutOf(`pull --format oci --annotate-ref ${images} layout`, { cwd });
    const index = await readFile(join(cwd, 'layout', 'index.json'), 'utf8');
    assert.ok(index.includes(`${registry.host}/a:1`) && index.includes(`${registry.host}/b:1`));
    const refused = await gantry(['push', 'layout', `${registry.host}/c:1`], { cwd });
    assert.equal(refused.code, 1);
    await stdoutOf(`push --index layout ${registry.host}/c:1`, { cwd });
  });

  it('copy takes places on disk on either side', async (test) => {
    await using registry = await startRegistry();
    const cwd = await folder(test);
    const { digest } = await store(registry.registry, 'app', ['1'], await makeImage('hello'));
    for (const place of ['oci:layout:1', 'oci-archive:oci.tar', 'docker-archive:docker.tar']) {
      await stdoutOf(`copy ${registry.host}/app:1 ${place}`, { cwd });
      const back = await jsonOf(`copy --json ${place} ${registry.host}/back:1`, { cwd });
      assert.equal(back['digest'], digest, place);
    }
  });

  it('copy --all-tags copies each tag, and with --no-clobber only new ones', async () => {
    await using registry = await startRegistry();
    const { host } = registry;
    await store(registry.registry, 'app', ['1', '2'], await makeImage('old'));
    await stdoutOf(`cp -a ${host}/app ${host}/copy`);
    await store(registry.registry, 'app', ['2', '3'], await makeImage('new'));
    const { tags } = await jsonOf(`cp -an --json ${host}/app ${host}/copy`);
    assert.ok(Array.isArray(tags));
    const outcomes = tags.map(({ tag, outcome }) => `${tag} ${outcome}`);
    assert.deepEqual(outcomes, ['1 kept', '2 kept', '3 copied']);
  });

  it('validate says what is wrong and fails', async (test) => {
    await using registry = await startRegistry();
    const image = await makeImage('hello');
    await store(registry.registry, 'app', ['1'], image);
    const remote = `${registry.host}/app:1`;
    assert.equal(await stdoutOf(`validate --remote ${remote}`), `PASS: ${remote}\n`);
    const cwd = await folder(test);
    await stdoutOf(`pull ${remote} app.tar`, { cwd });
    assert.equal(
      await stdoutOf(`validate --fast --tarball app.tar --remote ${remote}`, { cwd }),
      `PASS: app.tar\nPASS: ${remote}\n`,
    );

    const [layer] = (await image.manifest()).body.layers;
    assert.ok(layer);
    await registry.registry.repository('app', { actions: ['delete'] }).blobs.delete(layer.digest);
    for (const fast of [[], ['--fast']]) {
      const failed = await gantry(['validate', '--remote', remote, ...fast]);
      assert.equal(failed.code, 1);
      assert.ok(failed.stdout.startsWith(`FAIL: ${remote}: `));
      assert.ok(failed.stdout.includes(layer.digest));
    }
    const json = await gantry(['validate', '--json', '--remote', remote]);
    assert.equal(json.code, 1);
    assert.equal(JSON.parse(json.stdout)[0].passed, false);
  });

  it('work-is-told: validate shows on stderr how much it has read, and nothing of it on stdout', async (test) => {
    await using registry = await startRegistry();
    await store(registry.registry, 'app', ['1'], await makeImage('hello'));
    const remote = `${registry.host}/app:1`;
    const cwd = await folder(test);
    await stdoutOf(`pull ${remote} app.tar`, { cwd });
    const args = ['validate', '--tarball', 'app.tar', '--remote', remote];
    for (const mode of ['tty', 'plain', 'json', 'none']) {
      const { code, stdout, stderr } = await gantry([...args, '--progress', mode], { cwd });
      assert.deepEqual([code, stdout], [0, `PASS: app.tar\nPASS: ${remote}\n`]);
      const records = stderr.split('\n').filter((line) => line.includes('"kind":"done"'));
      assert.equal(records.length, mode === 'json' ? 2 : 0, stderr);
      for (const record of records) {
        const { work } = JSON.parse(record);
        assert.deepEqual([work.work, work.done], ['read', work.total]);
        assert.ok(work.done > 0);
      }
    }
  });

  it('version is one line, or JSON', async () => {
    const text = await stdoutOf('version');
    assert.match(text, /^\d+\.\d+\.\d+\S*\n$/);
    assert.equal(await stdoutOf('--version'), text);
    assert.equal((await jsonOf('version --json'))['version'], text.trim());
  });
});

describe('auth', () => {
  it('login, get and logout go together', async (test) => {
    const env = { DOCKER_CONFIG: await folder(test) };
    const login = await gantry(
      ['auth', 'login', 'r.example', '-u', 'me', '--password-stdin', '--no-verify'],
      { env, input: `${secret('kept')}\n` },
    );
    assert.equal(login.code, 0, login.stderr);
    assert.equal(login.stdout, '');
    assert.ok(!login.stderr.includes(secret('kept')));
    const credential = `{"Username":"me","Secret":"${secret('kept')}"}\n`;
    assert.equal(await stdoutOf('auth get r.example', { env }), credential);
    assert.equal(await stdoutOf('auth get', { env, input: 'https://r.example/v1/\n' }), credential);
    await stdoutOf('auth logout r.example', { env });
    const none = await gantry(['auth', 'get', 'r.example'], { env });
    assert.equal(none.code, 1);
    assert.equal(none.stdout, 'credentials not found in native keychain\n');
  });

  it('auth without a registry means Docker Hub', async (test) => {
    const env = { DOCKER_CONFIG: await folder(test) };
    const login = await jsonOf('auth login -u me -p secret --no-verify --json', { env });
    assert.equal(login['registry'], 'docker.io');
    assert.equal(
      await stdoutOf('auth get https://index.docker.io/v1/', { env }),
      '{"Username":"me","Secret":"secret"}\n',
    );
  });
});
