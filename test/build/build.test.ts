import assert from 'node:assert/strict';
import { chmod, chown, cp, lchown, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { failsWith } from '../../src/testing/contract/sample.ts';
import { gantry } from '../cli/gantry.ts';
import { configOf, findings } from '../edit/stage.ts';
import { folder } from '../folder.ts';
import { buildStage, layersAbove, names, npmApp, pathsIn, textOf } from './stage.ts';

/** The number of layers of the base. */
const below = 2;

describe('building an image of a folder', () => {
  it('Any folder becomes one layer below the working directory, and the entrypoint is the given one.', async (test) => {
    const at = await buildStage(test);
    await at.write({ 'bin/run': '#!/bin/sh\n', 'data/a.txt': 'one', 'data/link': '-> a.txt' });
    const { descriptor, layers, platforms } = await at.client.build(at.home, {
      base: at.base,
      to: at.app,
      entrypoint: ['/app/bin/run', 'fast'],
      cmd: ['now'],
      exposedPorts: ['80'],
      volumes: ['/data'],
      labels: { team: 'core' },
      annotations: { note: 'first' },
    });
    assert.deepEqual(
      layers.map(({ name }) => name),
      ['files'],
    );
    assert.deepEqual(platforms, [{ os: 'linux', architecture: 'amd64' }]);
    assert.deepEqual(await findings(at, at.app), []);
    const [entries] = await layersAbove(await at.client.getImage(at.app), below);
    assert.deepEqual(
      entries?.map(({ name, type, mode, linkname, uid, gid, mtime }) =>
        [name, type, mode.toString(8), linkname, uid, gid, mtime].join(' '),
      ),
      [
        'app/ directory 755  0 0 0',
        'app/bin/ directory 755  0 0 0',
        'app/bin/run file 755  0 0 0',
        'app/data/ directory 755  0 0 0',
        'app/data/a.txt file 644  0 0 0',
        'app/data/link symlink 777 a.txt 0 0 0',
      ],
    );
    const config = await configOf(at, at.app);
    assert.deepEqual(config['config'], {
      Env: ['PATH=/usr/local/bin:/usr/bin:/bin', 'NODE_VERSION=22.1.0'],
      Entrypoint: ['/app/bin/run', 'fast'],
      Cmd: ['now'],
      User: '1000',
      ExposedPorts: { '80/tcp': {} },
      Volumes: { '/data': {} },
      WorkingDir: '/app',
      Labels: { team: 'core' },
    });
    assert.equal(config['moby.buildkit.x'], 1);
    assert.equal(config['created'], '1970-01-01T00:00:00Z');
    const { body } = await at.client.getManifest(at.app);
    const base = await at.client.getDescriptor(at.base);
    assert.ok(body.kind === 'image');
    assert.deepEqual(body.annotations, {
      'org.opencontainers.image.base.name': at.base,
      'org.opencontainers.image.base.digest': base.digest,
      note: 'first',
    });
    assert.equal((await at.client.getDescriptor(at.app)).digest, descriptor.digest);
  });

  // id: T69
  it('The same files give one digest: in another folder, by another user, with other times, umask and time zone.', async (test) => {
    const at = await buildStage(test);
    await at.write({ ...npmApp, 'start.sh': '#!/bin/sh\n' });
    const digests: string[] = [];
    const run = async (home: string, cwd: string, env: NodeJS.ProcessEnv, to: string): Promise<void> => {
      const { code, stdout, stderr } = await gantry(['build', home, '-b', at.base, '-t', to], { cwd, env });
      assert.equal(code, 0, stderr);
      digests.push(stdout.trim().split('@')[1] ?? '');
    };
    await run(at.home, at.home, { TZ: 'UTC' }, `${at.host}/one:1`);
    const parent = await folder(test);
    const moved = join(parent, 'moved');
    await cp(at.home, moved, { recursive: true, verbatimSymlinks: true });
    for (const entry of await readdir(moved, { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name);
      if (process.getuid?.() === 0) await lchown(path, 12_345, 23_456);
      if (entry.isSymbolicLink()) continue;
      await utimes(path, 1_000_000_000, 1_100_000_000);
      // As another umask would have made them.
      await chmod(
        path,
        entry.isDirectory() || entry.name.endsWith('.sh') || entry.name === 'cli.js' ? 0o700 : 0o600,
      );
    }
    await run('moved', parent, { TZ: 'Asia/Tokyo' }, `${at.host}/two:1`);
    assert.equal(digests[0], digests[1]);
    await run('.', moved, { TZ: 'America/Lima', SOURCE_DATE_EPOCH: '0' }, `${at.host}/three:1`);
    assert.equal(digests[0], digests[2]);
  });

  it('SOURCE_DATE_EPOCH and --created give the time of the image, of its history and of its files.', async (test) => {
    const at = await buildStage(test);
    await at.write(npmApp);
    const words = ['build', at.home, '-b', at.base, '-t', at.app];
    const first = await gantry(words, { env: { SOURCE_DATE_EPOCH: '1700000000' } });
    assert.equal(first.code, 0, first.stderr);
    const { created, history } = await configOf(at, at.app);
    assert.equal(created, '2023-11-14T22:13:20Z');
    assert.equal(Object(history).at(-1).created, created);
    const [entries = []] = await layersAbove(await at.client.getImage(at.app), below);
    assert.deepEqual(new Set(entries.map(({ mtime }) => mtime)), new Set([1_700_000_000]));
    const second = await gantry([...words, '--created', '2023-11-14T22:13:20Z']);
    assert.equal(second.stdout, first.stdout);
  });

  // id: T70
  it('A changed source file changes only the layer of the application: one blob goes out beside the config.', async (test) => {
    const at = await buildStage(test);
    await at.write(npmApp);
    const before = await at.client.build(at.home, { base: at.base, to: at.app });
    assert.deepEqual(
      before.layers.map(({ name }) => name),
      ['dependencies', 'application'],
    );
    await writeFile(join(at.home, 'server.js'), "console.log('changed');\n");
    const sent = at.registry.requests.length;
    const after = await at.client.build(at.home, { base: at.base, to: at.app });
    const puts = at.registry.requests.slice(sent).filter(({ method }) => method === 'PUT');
    assert.deepEqual(
      puts.map(({ url }) => new URL(url, 'http://registry.test').pathname.includes('/manifests/')),
      [false, false, true],
    );
    assert.equal(after.layers[0]?.descriptor.digest, before.layers[0]?.descriptor.digest);
    assert.deepEqual(
      after.layers.map(({ isReused }) => isReused),
      [true, false],
    );
    assert.notEqual(after.layers[1]?.descriptor.digest, before.layers[1]?.descriptor.digest);
    assert.deepEqual(await findings(at, at.app), []);
  });

  // id: T74
  it('Secrets, the repository of git and caches never come into the image, and .dockerignore cannot take them back.', async (test) => {
    const at = await buildStage(test);
    const secrets = {
      '.env': 'SECRET=1',
      '.env.local': 'SECRET=1',
      '.npmrc': '_authToken=1',
      '.yarnrc.yml': 'npmAuthToken: 1',
      '.netrc': 'password 1',
      '.git/config': '[remote]',
      'sub/.env': 'SECRET=1',
      'sub/.git': 'gitdir: elsewhere',
      'node_modules/.cache/tool/a': 'cache',
      'node_modules/a/.npmrc': '_authToken=1',
      'node_modules/a/.env.test': 'SECRET=1',
    };
    await at.write({ ...npmApp, ...secrets, '.dockerignore': '!.env\n!**/.npmrc\n!.git' });
    await at.client.build(at.home, { base: at.base, to: at.app });
    const paths = await pathsIn(await at.client.getImage(at.app));
    const leaked = Object.keys(secrets).filter((path) => paths.includes(`app/${path}`));
    assert.deepEqual(leaked, []);
    assert.deepEqual(
      paths.filter((path) => /\/\.(?:git|env|cache|dockerignore)/.test(path)),
      [],
    );
    assert.ok(paths.includes('app/server.js'));
  });

  it('.dockerignore leaves files out and takes some back, but not the dependencies; --ignore names another file.', async (test) => {
    const at = await buildStage(test);
    await at.write({
      ...npmApp,
      'docs/a.md': 'a',
      'docs/keep/b.md': 'b',
      'test/a.js': 'a',
      '.dockerignore': 'node_modules\ndocs\n!docs/keep\n**/*.txt\n',
      'lib/a.txt': 'a',
      'other.ignore': 'lib\n',
    });
    await at.client.build(at.home, { base: at.base, to: at.app });
    const paths = await pathsIn(await at.client.getImage(at.app));
    assert.deepEqual(
      paths.filter((path) => path.startsWith('app/') && !path.includes('node_modules')).toSorted(),
      [
        'app/docs',
        'app/docs/keep',
        'app/docs/keep/b.md',
        'app/lib',
        'app/lib/more.js',
        'app/other.ignore',
        'app/package.json',
        'app/server.js',
        'app/test',
        'app/test/a.js',
      ],
    );
    assert.ok(paths.includes('app/node_modules/a/index.js'));
    const ended = await gantry(
      ['build', at.home, '-b', at.base, '-t', at.app, '--ignore', join(at.home, 'other.ignore')],
      {},
    );
    assert.equal(ended.code, 0, ended.stderr);
    const others = await pathsIn(await at.client.getImage(at.app));
    assert.ok(others.includes('app/docs/a.md'));
    assert.equal(others.includes('app/lib/more.js'), false);
    assert.equal(others.includes('app/other.ignore'), false);
  });

  // id: T76
  it('Files belong to root, whatever huge number owned them, so that a container without root can pull the image.', async (test) => {
    const at = await buildStage(test);
    await at.write(npmApp);
    if (process.getuid?.() === 0)
      await chown(join(at.home, 'node_modules/a/index.js'), 4_294_967_294, 369_884_941);
    await at.client.build(at.home, { base: at.base, to: at.app });
    const entries = (await layersAbove(await at.client.getImage(at.app), below)).flat();
    assert.ok(entries.length > 5);
    assert.deepEqual(
      new Set(entries.map(({ uid, gid, uname }) => `${uid}:${gid}${uname}`)),
      new Set(['0:0']),
    );
  });

  it('Explicit layers take the place of the usual ones, with an owner, a mode and a platform of their own.', async (test) => {
    const at = await buildStage(test);
    await at.write({ ...npmApp, 'dist/main.js': 'm', tool: '#!/bin/sh\n' });
    const words = [
      'build',
      at.home,
      '-b',
      at.baseIndex,
      '-t',
      at.app,
      '--platform',
      'linux/amd64,linux/arm64',
    ];
    const layers = [
      'dist:/srv,owner=5:6,mode=440',
      'tool:/usr/bin/',
      'server.js:/etc/arm,platform=linux/arm64',
    ].flatMap((layer) => ['--layer', layer]);
    const ended = await gantry([...words, ...layers, '--entrypoint', 'node,/srv/main.js']);
    assert.equal(ended.code, 0, ended.stderr);
    const amd64 = await layersAbove(await at.client.getImage(at.app), below);
    assert.deepEqual(
      amd64.flat().map(({ name, mode, uid, gid }) => `${name} ${mode.toString(8)} ${uid}:${gid}`),
      ['srv/ 550 5:6', 'srv/main.js 440 5:6', 'usr/bin/tool 755 0:0'],
    );
    const arm64 = await layersAbove(await at.client.getImage(at.app, { platform: 'linux/arm64' }), below);
    assert.deepEqual(names(arm64[2]), ['etc/arm']);
  });

  it('An archive and a layout inside of the folder do not come into the image that is written there.', async (test) => {
    const at = await buildStage(test);
    await at.write(npmApp);
    const words = ['build', '-b', at.base, '-t', 'web:1'];
    for (const output of ['web.tar', 'oci:layout']) {
      const first = await gantry([...words, '-o', output], { cwd: at.home });
      assert.equal(first.code, 0, first.stderr);
    }
    const again = await gantry([...words, '-o', 'web.tar', '--json'], { cwd: at.home });
    assert.equal(again.code, 0, again.stderr);
    assert.equal(JSON.parse(again.stdout).layers.length, 2);
    const paths = await gantry(['ls-files', `docker-archive:${join(at.home, 'web.tar')}`]);
    assert.equal(paths.code, 0, paths.stderr);
    assert.doesNotMatch(paths.stdout, /web\.tar/);
    assert.match(paths.stdout, /app\/server\.js/);
  });

  it('Several tags and places get the same image, also with zstd or without compression.', async (test) => {
    const at = await buildStage(test);
    await at.write(npmApp);
    const layout = join(await folder(test), 'layout');
    const places = [at.app, `${at.host}/app:2`, `oci:${layout}:1`].flatMap((place) => ['-t', place]);
    const ended = await gantry(['build', at.home, '-b', at.base, ...places, '--compression', 'none']);
    assert.equal(ended.code, 0, ended.stderr);
    const { digest } = await at.client.getDescriptor(at.app);
    assert.equal((await at.client.getDescriptor(`${at.host}/app:2`)).digest, digest);
    assert.equal((await at.client.getDescriptor(`oci:${layout}:1`)).digest, digest);
    const { body } = await at.client.getManifest(at.app);
    assert.ok(body.kind === 'image');
    assert.match(body.layers.at(-1)?.mediaType ?? '', /\.tar$/);
    assert.deepEqual(await findings(at, at.app), []);
  });

  it('A dry run computes the digest that the build writes, and writes nothing.', async (test) => {
    const at = await buildStage(test);
    await at.write(npmApp);
    const words = ['build', at.home, '-b', at.base, '-t', at.app];
    const planned = await gantry([...words, '--dry-run']);
    assert.equal(planned.code, 0, planned.stderr);
    assert.equal(await at.client.exists(at.app), false);
    assert.equal((await gantry(words)).stdout, planned.stdout);
  });

  it('An absolute link stays if it leads into the image that the folder becomes, as in a whole file system.', async (test) => {
    const at = await buildStage(test);
    await at.write({ 'usr/bin/sh': '#!', bin: '-> /usr/bin', 'usr/own': '-> /app/usr' });
    const options = { base: 'scratch', entrypoint: ['/bin/sh'], to: at.app } as const;
    await at.client.build(at.home, { ...options, workingDir: '/' });
    assert.equal(await textOf(at, at.app, '/bin/sh'), '#!');
    await failsWith(at.client.build(at.home, options), 'UNSUPPORTED');
    await rm(join(at.home, 'bin'));
    await at.client.build(at.home, options);
    assert.equal(await textOf(at, at.app, '/app/usr/own/bin/sh'), '#!');
  });

  it('File names that are no UTF-8 keep their bytes.', async (test) => {
    const at = await buildStage(test);
    await at.write(npmApp);
    await writeFile(Buffer.concat([Buffer.from(`${at.home}/b`), Buffer.from([0xff])]), 'bytes');
    await at.client.build(at.home, { base: at.base, to: at.app });
    const layers = await layersAbove(await at.client.getImage(at.app), below);
    assert.ok(names(layers.at(-1)).includes('app/b\udcff'));
  });
});
