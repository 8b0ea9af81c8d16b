import assert from 'node:assert/strict';
import { cp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { Module } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { Script } from 'node:vm';
import { projectRoot } from '../../scripts/project.ts';
import { startRegistry } from '../../src/testing/start-registry.ts';
import { atEnd } from '../at-end.ts';
import { binary, bundle, type Ended, gantry, type RunOptions, unbundled } from '../cli/gantry.ts';
import { makeImage, store } from '../cli/images.ts';
import { folder } from '../folder.ts';
import { listening } from '../listening.ts';

/** Prints the loaded files and the loaded modules of the runtime on stderr at the end. */
const tellAll = `process.on('exit', () => {
  const files = Object.keys(require.cache).filter((file) => file !== __filename);
  const modules = process.moduleLoadList.map((entry) => /^NativeModule ((?!internal\\/).+)$/.exec(entry)?.[1]);
  require('fs').writeSync(2, 'loaded ' + JSON.stringify({ files, modules: modules.filter(Boolean) }) + '\\n');
});`;

interface Loaded {
  readonly code: number | null;
  /** The files without the hashes in their names. */
  readonly files: readonly string[];
  /** The public modules without `node:`. */
  readonly modules: ReadonlySet<string>;
}

async function loadedBy(test: TestContext, program: string, args: readonly string[]): Promise<Loaded> {
  const teller = join(await folder(test), 'tell.cjs');
  await writeFile(teller, tellAll);
  const { code, stderr } = await gantry(args, { program, nodeOptions: ['--require', teller] });
  const told: { readonly files: readonly string[]; readonly modules: readonly string[] } = JSON.parse(
    /^loaded (.+)$/m.exec(stderr)?.[1] ?? '{"files":[],"modules":[]}',
  );
  const files = told.files.map((file) => basename(file).replace(/-[\w-]{8}\.cjs$/, '.cjs')).sort();
  return { code, files, modules: new Set(told.modules) };
}

/** Returns the modules of a program without dependencies that does the same work. */
async function loadedByScript(
  test: TestContext,
  source: string,
  args: readonly string[],
): Promise<ReadonlySet<string>> {
  const script = join(await folder(test), 'script.cjs');
  await writeFile(script, source);
  return (await loadedBy(test, script, args)).modules;
}

const oneLine = "process.stdout.on('error', () => {}); process.stdout.write('0.0.0\\n');";
const oneRequest = `require('node:http')
  .request(process.argv[2], { method: 'HEAD' }, (response) => {
    response.resume();
    process.stdout.write(response.headers['docker-content-digest'] + '\\n');
  })
  .end();`;

/** The core, its loader, and the file that both need. */
const coreFiles = ['core.cjs', 'gantry.cjs', 'rolldown-runtime.cjs', 'version.cjs'];

describe('the bundle', () => {
  it('the tests of the command line run the bundle', () => {
    assert.equal(binary, bundle, 'npm run build makes it; the compiler alone does not');
  });

  it('`gantry version` loads two small files and no module that a single line of output does not need', async (test) => {
    const { code, files, modules } = await loadedBy(test, bundle, ['version']);
    assert.equal(code, 0);
    assert.deepEqual(files, ['gantry.cjs', 'version.cjs']);
    assert.deepEqual(beyond(modules, await loadedByScript(test, oneLine, [])), []);
  });

  it('`gantry digest` loads the core, and of the runtime hardly more than one request needs', async (test) => {
    const { host, url } = await imageInRegistry(test);
    const { code, files, modules } = await loadedBy(test, bundle, ['digest', `${host}/app:1`]);
    assert.equal(code, 0);
    assert.deepEqual(files, coreFiles);
    const script = await loadedByScript(test, oneRequest, [`${url}/v2/app/manifests/1`]);
    // Loading the precompiled core takes three, if this V8 compiled it. commander loads the last three.
    const { ours } = await precompiledIn(dirname(bundle));
    const parser = ['dgram', 'child_process', 'process'];
    const more = [...(ours ? ['zlib', 'vm', 'module'] : []), 'fs/promises', 'os', ...parser];
    // Node 26 loads them in another order.
    assert.deepEqual([...beyond(modules, script)].sort(), more.sort());
    for (const costly of ['https', 'tls', 'crypto', 'dns/promises', 'worker_threads']) {
      assert.ok(!modules.has(costly), costly);
    }
  });

  for (const words of [['tag', 'two'], ['ls'], ['manifest']]) {
    it(`\`gantry ${words[0]}\` loads the core, and nothing beside it`, async (test) => {
      const { host } = await imageInRegistry(test);
      const [verb = '', ...rest] = words;
      const name = verb === 'ls' ? `${host}/app` : `${host}/app:1`;
      const { code, files } = await loadedBy(test, bundle, [verb, name, ...rest]);
      assert.equal(code, 0);
      assert.deepEqual(files, coreFiles);
    });
  }

  it('`gantry copy` loads the core, and one file for everything that moves images', async (test) => {
    const { host } = await imageInRegistry(test);
    const { code, files } = await loadedBy(test, bundle, ['copy', `${host}/app:1`, `${host}/other:1`]);
    assert.equal(code, 0);
    assert.deepEqual(files, [...coreFiles, 'transfer.cjs'].sort());
  });

  it('the bundle loads the modules for TLS with the first TLS connection', async (test) => {
    const { code, modules } = await loadedBy(test, bundle, ['digest', 'https://127.0.0.1:1/app:1']);
    assert.notEqual(code, 0);
    for (const needed of ['tls', 'crypto']) assert.ok(modules.has(needed), needed);
  });
});

describe('the precompiled part of the bundle', () => {
  it('the bytecode is that of the core, and the V8 that built it accepts it', async () => {
    const { part, compiled, ours } = await precompiledIn(dirname(bundle));
    assert.match(part, /^core-/);
    const source = await readFile(join(dirname(bundle), part));
    const kept = await readFile(join(dirname(bundle), compiled));
    const cachedData = kept.subarray(4);
    const script = new Script(Module.wrap(source.toString('utf8')), { cachedData });
    assert.equal(script.cachedDataRejected, !ours);
  });

  it('the precompiled core loads packages when it needs them', async (test) => {
    // Plays a registry whose token service is in another domain, and refuses to connect to that.
    const proxy = createServer((_, response) => {
      const challenge = 'Bearer realm="https://tokens.example/token",service="registry"';
      response.writeHead(401, { 'www-authenticate': challenge }).end();
    });
    const url = `http://127.0.0.1:${await listening(test, proxy)}`;
    const home = await folder(test);
    const auths = { 'registry.test': { auth: Buffer.from('me:secret').toString('base64') } };
    await writeFile(join(home, 'config.json'), JSON.stringify({ auths }));
    const env = { DOCKER_CONFIG: home, HTTP_PROXY: url, HTTPS_PROXY: url, NO_PROXY: '' };
    const { code, stderr } = await gantry(['digest', 'http://registry.test/app:1'], { env, program: bundle });
    assert.equal(code, 5, stderr);
  });

  const others: readonly { title: string; spoil: (file: string) => Promise<void>; options?: string[] }[] = [
    { title: 'is missing', spoil: (file) => rm(file) },
    { title: 'is of another V8', spoil: (file) => writeFile(file, Buffer.alloc(4096, 'another')) },
    { title: 'is empty', spoil: (file) => writeFile(file, '') },
    { title: 'was made with other flags', spoil: async () => undefined, options: ['--no-lazy'] },
  ];
  for (const { title, spoil, options = [] } of others) {
    it(`commands do the same if the bytecode ${title}`, async (test) => {
      const { host } = await imageInRegistry(test);
      const expected = await gantry(['digest', `${host}/app:1`], { program: bundle });
      const home = await folder(test);
      await cp(dirname(bundle), join(home, 'dist', 'cli'), { recursive: true });
      await cp(join(projectRoot(), 'package.json'), join(home, 'package.json'));
      const { compiled } = await precompiledIn(join(home, 'dist', 'cli'));
      await spoil(join(home, 'dist', 'cli', compiled));
      const program = join(home, 'dist', 'cli', 'gantry.cjs');
      assert.deepEqual(
        await gantry(['digest', `${host}/app:1`], { program, nodeOptions: options }),
        expected,
      );
      assert.equal(expected.code, 0);
    });
  }

  it('stale-bytecode: V8 compiles a source that changed without a change of its length', async (test) => {
    const { cli, part } = await copied(test);
    const source = await readFile(join(cli, part), 'utf8');
    const changed = source.replaceAll('nothing listens there', 'NOTHING LISTENS THERE');
    assert.notEqual(changed, source);
    await writeFile(join(cli, part), changed);
    const { code, stderr } = await digestOfNothing(cli);
    assert.equal(code, 5);
    assert.match(stderr, /NOTHING LISTENS THERE/);
  });

  const damages: readonly [name: string, damage: (kept: Buffer) => Uint8Array][] = [
    ...Array.from({ length: 12 }, (_, at): [string, (kept: Buffer) => Uint8Array] => [
      `has bit ${at % 8} flipped ${at} twelfths in`,
      (kept) => {
        const place = Math.floor((kept.length * at) / 12) + at;
        kept.writeUInt8(kept.readUInt8(place) ^ (1 << (at % 8)), place);
        return kept;
      },
    ]),
    [
      'has its last bit flipped',
      (kept) => Buffer.concat([kept.subarray(0, -1), Buffer.of(kept.readUInt8(kept.length - 1) ^ 1)]),
    ],
    ['is cut in the middle', (kept) => kept.subarray(0, kept.length >> 1)],
    ['is cut by a byte', (kept) => kept.subarray(0, -1)],
    ['goes on', (kept) => Buffer.concat([kept, Buffer.of(0)])],
    [
      'is a part of itself, moved',
      (kept) => Buffer.concat([kept.subarray(0, -8192), kept.subarray(-4096), kept.subarray(-8192, -4096)]),
    ],
  ];
  for (const [name, damage] of damages) {
    it(`stale-bytecode: never runs where it ${name}`, async (test) => {
      const { cli, compiled } = await copied(test);
      const kept = await readFile(join(cli, compiled));
      await writeFile(join(cli, compiled), damage(kept));
      // The loader prints whether it gave V8 any bytecode.
      const teller = join(await folder(test), 'tell.cjs');
      await writeFile(teller, tellCached);
      const { code, stderr } = await digestOfNothing(cli, ['--require', teller]);
      assert.equal(code, 5, stderr);
      assert.doesNotMatch(stderr, /cached data was given/);
    });
  }
});

/** Prints on stderr when V8 gets bytecode from the disk. */
const tellCached = `const vm = require('node:vm');
vm.Script = class extends vm.Script {
  constructor(source, options) {
    super(source, options);
    if (options?.cachedData !== undefined) require('fs').writeSync(2, 'cached data was given\\n');
  }
};`;

/** Copies the command line to another folder, where a test can damage it. */
async function copied(test: TestContext): Promise<Precompiled & { readonly cli: string }> {
  const home = await folder(test);
  const cli = join(home, 'dist', 'cli');
  await cp(dirname(bundle), cli, { recursive: true });
  return { cli, ...(await precompiledIn(cli)) };
}

/** Sends a request to a port without a listener: exit code 5, and an error whose text is in the precompiled part. */
function digestOfNothing(cli: string, nodeOptions: readonly string[] = []): Promise<Ended> {
  return gantry(['digest', '127.0.0.1:1/app:1'], { program: join(cli, 'gantry.cjs'), nodeOptions });
}

interface Precompiled {
  readonly part: string;
  readonly compiled: string;
  /** The file is for the V8 of this process. Another Node may have built the bundle. */
  readonly ours: boolean;
}

/** Returns the one precompiled part of the bundle in a folder. */
async function precompiledIn(cli: string): Promise<Precompiled> {
  const found = (await readdir(cli)).filter((file) => file.endsWith('.bin'));
  assert.equal(found.length, 1);
  const [compiled = ''] = found;
  const [, part = '', builder = ''] = /^(core-[\w-]{8})-(.+)\.bin$/.exec(compiled) ?? [];
  const { arch, platform, versions } = process;
  const here = [platform, arch, versions.v8, versions['icu'], versions.openssl].join('-');
  return { part: `${part}.cjs`, compiled, ours: builder === here };
}

function beyond(modules: ReadonlySet<string>, known: ReadonlySet<string>): readonly string[] {
  return [...modules].filter((module) => !known.has(module));
}

async function imageInRegistry(test: TestContext): Promise<{ readonly host: string; readonly url: string }> {
  const registry = await startRegistry();
  atEnd(test, () => registry.close());
  await store(registry.registry, 'app', ['1'], await makeImage('start-up'));
  return registry;
}

/** Prints the imported files of gantry and its packages on stderr. */
const tellImports = `data:text/javascript,${encodeURIComponent(`
  import { register } from 'node:module';
  register('data:text/javascript,' + encodeURIComponent(\`
    import { writeSync } from 'node:fs';
    export async function load(url, context, next) {
      writeSync(2, 'loaded ' + url + '\\\\n');
      return next(url, context);
    }
  \`));
`)}`;

async function importedBy(args: readonly string[], options: RunOptions = {}): Promise<readonly string[]> {
  const asked = { ...options, program: unbundled, nodeOptions: ['--import', tellImports] };
  return (await gantry(args, asked)).stderr
    .split('\n')
    .flatMap((line) =>
      line.startsWith('loaded file:') ? [line.replace(/^.*?\/(src|node_modules)\//, '')] : [],
    );
}

/** Modules that a request for a digest does not need. */
const needless: readonly RegExp[] = [
  /^(?:memory|disk|layout|archive|tar|copy|image|server|testing)\//,
  /^client\/(?:copy|inspect|login|manifests|pull|push|referrers|token|validate|watch|write|blob-cache)/,
  /^remote\/(?:upload\/(?!recent-writes)|subject)/,
  /^http\/(?:node\/tunnel|fetch-transport)/,
  /^flow\/(?:node\/)?compression/,
  /^cli\/commands\/(?!digest\.js)/,
  /^cli\/(?:progress|prompt|sign-in|stdin|completion|wire-log)/,
  /^tldts/,
];

describe('of the sources', () => {
  it('version loads nothing but itself', async () => {
    assert.deepEqual([...(await importedBy(['version']))].sort(), ['cli/main.js', 'cli/version.js']);
  });

  it('digest loads none that it has no use for', async (test) => {
    const { host } = await imageInRegistry(test);
    const files = await importedBy(['digest', `${host}/app:1`]);
    for (const needed of ['cli/commands/digest.js', 'client/read.js', 'remote/manifests.js']) {
      assert.ok(files.includes(needed), needed);
    }
    assert.deepEqual(
      files.filter((file) => needless.some((pattern) => pattern.test(file))),
      [],
    );
  });

  it('help loads no client, no server and no command', async () => {
    for (const file of await importedBy(['push', '--help'])) {
      assert.doesNotMatch(file, /^(client|server|http|remote|archive|cli\/commands)\//);
    }
  });

  it('completion loads no client and no other command', async () => {
    const files = await importedBy(['completion', 'bash']);
    assert.ok(files.includes('cli/commands/completion.js'));
    for (const file of files)
      assert.doesNotMatch(file, /^(client|server|http|remote)\/|^cli\/commands\/(?!completion)/);
  });
});
