import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { projectRoot } from '../scripts/project.ts';
import { publishable } from '../scripts/publishable.ts';

const root = projectRoot();
const manifest = readJson('package.json');

/** Each package needs its reason in CONTRIBUTING.md. */
const runtimeDependencies = [
  '@noble/ciphers',
  '@noble/hashes',
  '@sigstore/protobuf-specs',
  '@sigstore/verify',
  'bcryptjs',
  'tldts',
  'yaml',
];

/** The purpose of each door. */
const doors: Readonly<Record<string, readonly string[]>> = {
  gantry: ['createClient', 'copyImage', 'isGantryError', 'openLayout'],
  'gantry/core': ['copyImage', 'createRegistryLine', 'createRemoteRegistry', 'fetchTransport', 'openImage'],
  'gantry/server': ['createApp', 'listen', 'openDiskRegistry'],
  'gantry/sign': ['parsePublicKey', 'openSigner', 'generateKey', 'importKey'],
  'gantry/keychain': ['createKeychain', 'firstOf', 'storeCredential', 'eraseCredential'],
  'gantry/testing': ['startRegistry', 'repositoryContract', 'registryContract'],
};

/**
 * The limit for the packed package. A larger one contains something by mistake. The precompiled core and the source
 * that it is compared with take 220 KiB.
 */
const maxPacked = 1500 * 1024;

describe('the package', () => {
  let home = '';
  let packed: Packed;

  before(async () => {
    home = await mkdtemp(join(tmpdir(), 'gantry-package-'));
    packed = await pack(home);
    await install(packed.path, home);
  });
  after(() => rm(home, { recursive: true, force: true }));

  it('the package holds the built library, its documents and nothing else', () => {
    const meant =
      /^(?:package\.json|README\.md|LICENSE|CHANGELOG\.md|dist\/src\/(?!cli\/).*\.(?:js|d\.ts)|dist\/cli\/(?:[\w-]+\.cjs|hash-program\.js|core-[\w.+-]+\.bin|LICENSES\.txt))$/;
    assert.deepEqual(
      packed.files.filter((file) => !meant.test(file) || /\.test\.|^dist\/(?:test|examples)\//.test(file)),
      [],
    );
    const needed = ['README.md', 'LICENSE', 'CHANGELOG.md', 'dist/cli/gantry.cjs'];
    // No import names the program of a thread.
    const threads = ['dist/cli/hash-program.js', 'dist/src/blobfile/hash-program.js'];
    for (const file of [...needed, ...threads]) assert.ok(packed.files.includes(file), file);
  });

  it('the package has the licences of the bundled packages beside the command line', () => {
    assert.match(
      readText('dist/cli/LICENSES.txt'),
      /^@noble\/ciphers\n[\s\S]*Copyright[\s\S]*^commander\n[\s\S]*Copyright/m,
    );
  });

  it('the package is small', () => {
    assert.ok(packed.size < maxPacked, `${packed.size} bytes`);
  });

  it('each door of the package exports the documented names', async () => {
    for (const [door, names] of Object.entries(doors)) {
      const script = `console.log(JSON.stringify(Object.keys(await import('${door}'))))`;
      const exported = parseNames(await node(['--input-type=module', '-e', script], home));
      assert.deepEqual(
        names.filter((name) => !exported.includes(name)),
        [],
        door,
      );
    }
  });

  it('package.json opens every door, and no other file', async () => {
    const paths = Object.keys(object(manifest['exports'])).map((path) => path.replace(/^\./, 'gantry'));
    assert.deepEqual(paths.sort(), [...Object.keys(doors), 'gantry/package.json'].sort());
    const load = "import('gantry/package.json', { with: { type: 'json' } })";
    const script = `console.log((await ${load}).default.version)`;
    assert.equal(
      await node(['--no-warnings', '--input-type=module', '-e', script], home),
      manifest['version'],
    );
    const inside = "await import('gantry/dist/src/errors.js')";
    await assert.rejects(node(['--input-type=module', '-e', inside], home), /ERR_PACKAGE_PATH_NOT_EXPORTED/);
  });

  it('package.json, the changelog and the command line have one version', async () => {
    const [, newest] = /^## \[?(\d+\.\d+\.\d+)/m.exec(readText('CHANGELOG.md')) ?? [];
    assert.equal(newest, manifest['version']);
    assert.equal(await gantry(['version'], home), newest);
    assert.match(await gantry(['version', '--json'], home), new RegExp(`"version":"${newest}"`));
  });

  it('publint finds nothing wrong with the package', async () => {
    await tool('publint', 'src/cli.js', ['run', packed.path, '--strict'], home);
  });

  it('the types of the package resolve for every importer', async () => {
    await tool('@arethetypeswrong/cli', 'dist/index.js', [packed.path, '--profile', 'esm-only'], home);
  });
});

const withRepository = (url: string): string => JSON.stringify({ repository: { type: 'git', url } });

describe('package.json', () => {
  it('package.json names a repository, and prevents publishing while that is the reserved domain', () => {
    const { type, url } = object(manifest['repository']);
    assert.equal(type, 'git');
    assert.match(String(url), /^git\+https:\/\/[^/]+\/.+\.git$/);
    assert.match(
      publishable(withRepository('git+https://gantry.example/gantry.git')) ?? '',
      /repository\.url/,
    );
    assert.equal(publishable(withRepository('git+https://code.acme.com/gantry.git')), undefined);
    assert.match(String(object(manifest['scripts'])['prepublishOnly']), /publishable/);
  });
});

/** The first version of each dependency without the advisories that were known when it was chosen. */
const firstSafe: Readonly<Record<string, readonly [version: string, advisory: string]>> = {
  yaml: ['2.8.3', 'GHSA-48c2-rrv3-qjmp'],
};

describe('the dependencies', () => {
  const lock = readJson('package-lock.json');
  const entries = Object.entries(object(lock['packages'])).map(
    ([path, entry]) => [path, object(entry)] as const,
  );

  it('the run-time dependencies are those with a reason in CONTRIBUTING.md', () => {
    const contributing = readText('CONTRIBUTING.md');
    assert.deepEqual(Object.keys(object(manifest['dependencies'])), runtimeDependencies);
    const named = [...runtimeDependencies, ...Object.keys(object(manifest['devDependencies']))];
    assert.deepEqual(
      named.filter((name) => !contributing.includes(`| ${name} |`)),
      [],
    );
  });

  it('the lockfile has no address of a registry', () => {
    assert.deepEqual(
      // The folder typedoc/ is a package of the project.
      entries
        .filter(([, entry]) => 'resolved' in entry && entry['resolved'] !== 'typedoc')
        .map(([path]) => path),
      [],
    );
  });

  it('the lockfile has the digest of every dependency', () => {
    const unlocked = entries.filter(
      ([path, entry]) => !['', 'typedoc'].includes(path) && !('integrity' in entry),
    );
    assert.deepEqual(
      unlocked.filter(([, entry]) => entry['inBundle'] !== true && entry['link'] !== true),
      [],
    );
  });

  it('the run-time dependencies have no known advisory', async (test) => {
    const audit = ['audit', '--omit=dev', '--json', '--fetch-retries=0', '--fetch-timeout=20000'];
    const shell = process.platform === 'win32';
    // npm exits with 1 both for advisories and for a registry that does not answer. The JSON distinguishes them.
    const output = await run('npm', audit, { cwd: root, shell }).catch((error: unknown) => object(error));
    const report = /^\s*\{/.test(String(output.stdout)) ? object(JSON.parse(String(output.stdout))) : {};
    if (report['vulnerabilities'] === undefined)
      return test.skip('the registry of packages did not answer the audit');
    assert.deepEqual(Object.keys(object(report['vulnerabilities'])), []);
  });

  it('the dependencies are not older than the first version without a known advisory', () => {
    for (const [name, [first, advisory]] of Object.entries(firstSafe)) {
      const version = String(object(object(lock['packages'])[`node_modules/${name}`])['version']);
      const order = version.localeCompare(first, 'en', { numeric: true });
      assert.ok(order >= 0, `${name} ${version} has ${advisory}: take ${first} or newer`);
    }
  });

  it('run no script when they are installed', () => {
    assert.deepEqual(
      entries.filter(([, entry]) => entry['hasInstallScript'] === true).map(([path]) => path),
      [],
    );
  });
});

interface Packed {
  readonly path: string;
  readonly size: number;
  readonly files: readonly string[];
}

async function pack(folder: string): Promise<Packed> {
  // On Windows npm is a batch file, and only a shell can start it.
  const options = { cwd: root, shell: process.platform === 'win32' };
  const { stdout } = await run(
    'npm',
    ['pack', '--json', '--ignore-scripts', `--pack-destination=${folder}`],
    options,
  );
  const [entry]: unknown[] = JSON.parse(stdout);
  const { filename, size, files } = object(entry);
  assert.ok(typeof filename === 'string' && typeof size === 'number' && Array.isArray(files));
  return { path: join(folder, filename), size, files: files.map((file) => String(object(file)['path'])) };
}

/** Installs the packed files and the dependencies of this folder, as npm would, without a registry. */
async function install(tarball: string, home: string): Promise<void> {
  const modules = join(home, 'node_modules');
  await mkdir(modules);
  await run('tar', ['-xzf', tarball, '-C', modules], {});
  await rename(join(modules, 'package'), join(modules, 'gantry'));
  for (const name of runtimeDependencies) {
    await mkdir(dirname(join(modules, name)), { recursive: true });
    await symlink(join(root, 'node_modules', name), join(modules, name), 'junction');
  }
}

/** Runs the command line of an installed tool. Fails when the tool finds something. */
async function tool(name: string, main: string, args: readonly string[], cwd: string): Promise<void> {
  await node([join(root, 'node_modules', name, main), ...args], cwd);
}

function gantry(args: readonly string[], home: string): Promise<string> {
  return node([join(home, 'node_modules', 'gantry', 'dist', 'cli', 'gantry.cjs'), ...args], home);
}

async function node(args: readonly string[], cwd: string): Promise<string> {
  const { stdout } = await run(process.execPath, args, { cwd });
  return stdout.trim();
}

const run = promisify(execFile);

function readText(name: string): string {
  return readFileSync(join(root, name), 'utf8');
}

function readJson(name: string): Readonly<Record<string, unknown>> {
  return object(JSON.parse(readText(name)));
}

function object(value: unknown): Readonly<Record<string, unknown>> {
  assert.ok(typeof value === 'object' && value !== null);
  return { ...value };
}

function parseNames(json: string): readonly unknown[] {
  const names: unknown = JSON.parse(json);
  assert.ok(Array.isArray(names));
  return names;
}
