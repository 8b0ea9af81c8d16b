import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import {
  arrowsOf,
  cycles,
  identifiersIn,
  importedModules,
  reachableFrom,
} from '../scripts/measures/imports.ts';
import { isTest, readSources } from '../scripts/measures/sources.ts';
import { stateOf } from '../scripts/measures/state.ts';
import { projectRoot } from '../scripts/project.ts';

/** The rules of docs/picture.md, section 1. A room may import itself and the rooms in its row. */
interface Rule {
  readonly imports: readonly string[];
  /** `node:` modules, or `any`. A room with an empty list uses only the features of every runtime. */
  readonly node: readonly string[] | 'any';
}

const words = ['errors', 'time', 'spec', 'flow', 'json', 'tar'];
const places = ['memory', 'layout', 'archive', 'disk', 'daemon', 'pull-through'];
const line = ['wire', 'http', 'keychain', 'auth'];
/** The line, and the part of it that only Node has. */
const nodeLine = [...line, 'http/node'];
const works = ['copy', 'image', 'folder', 'build', 'sign', 'client', 'server'];
const disk = ['node:fs', 'node:fs/promises', 'node:path', 'node:os', 'node:crypto'];

const rules: Readonly<Record<string, Rule>> = {
  'error-response': { imports: [], node: [] },
  errors: { imports: ['error-response'], node: [] },
  time: { imports: [], node: [] },
  spec: { imports: ['errors'], node: [] },
  flow: { imports: ['time', 'spec', 'errors', 'flow/node', 'flow/portable'], node: [] },
  'flow/node': { imports: ['flow', 'spec', 'errors'], node: ['node:crypto', 'node:zlib'] },
  'flow/portable': { imports: ['flow', 'spec', 'errors'], node: [] },
  json: { imports: ['flow', 'spec', 'errors'], node: [] },
  tar: { imports: ['flow', 'spec', 'errors'], node: [] },
  files: { imports: ['errors'], node: disk },
  wire: { imports: words, node: [] },
  http: { imports: ['wire', ...words], node: [] },
  'http/node': {
    imports: ['http', 'wire', ...words],
    node: ['node:net', 'node:tls', 'node:dns', 'node:diagnostics_channel'],
  },
  keychain: { imports: ['files', ...words], node: [...disk, 'node:child_process'] },
  auth: { imports: ['keychain', 'http', 'wire', ...words], node: [] },
  hosts: {
    imports: ['http', 'http/node', 'wire', 'files', ...words],
    node: ['node:fs', 'node:fs/promises', 'node:path'],
  },
  store: { imports: words, node: [] },
  remote: { imports: ['store', 'hosts', ...line, ...words], node: [] },
  memory: { imports: ['store', ...words], node: [] },
  blobfile: { imports: ['store', 'files', ...words], node: [...disk, 'node:worker_threads'] },
  layout: { imports: ['store', 'blobfile', 'files', ...words], node: disk },
  archive: { imports: ['store', 'blobfile', 'files', ...words], node: [...disk, 'node:zlib', 'node:stream'] },
  disk: { imports: ['store', 'layout', 'blobfile', 'files', ...words], node: disk },
  daemon: {
    imports: ['store', 'archive', 'files', 'keychain', 'http', 'http/node', 'wire', ...words],
    node: ['node:fs/promises', 'node:os', 'node:path'],
  },
  'pull-through': { imports: ['store', ...words], node: [] },
  copy: { imports: ['store', ...words], node: [] },
  image: { imports: ['store', ...words], node: [] },
  build: { imports: ['image', 'archive', 'store', 'files', ...words], node: disk },
  folder: { imports: ['image', 'store', 'files', ...words], node: disk },
  sign: { imports: ['store', ...words], node: ['node:buffer', 'node:crypto'] },
  client: {
    imports: [
      'store',
      'remote',
      'hosts',
      ...nodeLine,
      ...places,
      'copy',
      'image',
      'folder',
      'build',
      'sign',
      'files',
      ...words,
    ],
    node: ['node:fs', 'node:fs/promises', 'node:path'],
  },
  server: { imports: ['store', 'wire', ...words], node: [] },
  'server/node': {
    imports: ['server', 'wire', ...words],
    node: ['node:http', 'node:https', 'node:net', 'node:os'],
  },
  'server/index': {
    imports: ['server', 'server/node', 'store', 'memory', 'disk', 'pull-through', 'wire', ...words],
    node: [],
  },
  testing: {
    imports: [...works, 'server/node', 'store', 'remote', ...nodeLine, ...places, ...words],
    node: 'any',
  },
  cli: {
    imports: [...works, 'server/node', 'store', 'remote', 'files', 'hosts', ...nodeLine, ...places, ...words],
    node: 'any',
  },
  core: {
    imports: ['copy', 'image', 'store', 'remote', 'memory', 'keychain', 'http', 'wire', ...words],
    node: [],
  },
  index: { imports: [...works, 'store', 'remote', 'hosts', ...nodeLine, ...places, ...words], node: [] },
};

const packages: Readonly<Record<string, readonly string[]>> = {
  build: ['yaml'],
  cli: ['commander'],
  'flow/portable': ['@noble/hashes/sha2.js'],
  http: ['tldts'],
  server: ['bcryptjs', 'yaml'],
  sign: ['@noble/ciphers/salsa.js', '@sigstore/protobuf-specs', '@sigstore/verify'],
};

/** The variables of modules that may hold state, each with its owner or the reason for it. */
const moduleState: Readonly<Record<string, string>> = {
  'blobfile/hash-program.ts hashes': 'the program of a thread, which is the owner',
  'blobfile/resources.ts processFiles': 'memory, the thread and syncs for the files of the process',
  'flow/abort.ts waiting': 'belongs to each signal: a signal gets one listener from all callers',
  'flow/portable/compression.ts codec': 'without state: the streams of the runtime',
  'keychain/answers.ts processAnswers': 'the answers of helpers, for all keychains of the process',
  'remote/resources.ts processResources': 'the limits of requests, for all clients of the process',
  'server/access/rules.ts matchers': 'belongs to each rule: its compiled patterns',
};

/** Global variables that browsers do not have. */
const nodeGlobals: ReadonlySet<string> = new Set([
  'Buffer',
  'process',
  'global',
  'require',
  'module',
  '__dirname',
  '__filename',
  'setImmediate',
  'clearImmediate',
]);

function roomOf(file: string): string {
  const path = file.replace(/\.ts$/, '');
  // The folders for one kind of runtime, and the server's door, are rooms of their own inside a folder.
  for (const room of ['flow/node', 'flow/portable', 'http/node', 'server/node'])
    if (path.startsWith(`${room}/`)) return room;
  if (path === 'server/index') return path;
  const [folder = '', ...rest] = path.split('/');
  return rest.length === 0 ? path : folder;
}

/** The files of `src/` that are no tests, by their path below it. */
const sources = readSources(projectRoot(), 'src')
  .filter((source) => !isTest(source))
  .map(({ path, text }) => ({ path: path.slice('src/'.length), text }));
const named = new Map(sources.map((source) => [source.path, importedModules(source)]));
/** The files that each `#name` of package.json stands for: one for Node, one for every other runtime. */
const conditional = conditionalImports();
const arrows = arrowsOf(sources, (module) => conditional.get(module)?.map(({ file }) => file) ?? []);

interface ConditionalFile {
  readonly condition: string;
  readonly file: string;
}

function filesOf(targets: Readonly<Record<string, string>>): readonly ConditionalFile[] {
  return Object.entries(targets).map(([condition, target]) => ({
    condition,
    file: target.replace(/^\.\/dist\/src\/(.*)\.js$/, '$1.ts'),
  }));
}

function conditionalImports(): ReadonlyMap<string, readonly ConditionalFile[]> {
  const manifest: { readonly imports: Readonly<Record<string, Readonly<Record<string, string>>>> } =
    JSON.parse(readFileSync(join(projectRoot(), 'package.json'), 'utf8'));
  return new Map(Object.entries(manifest.imports).map(([name, targets]) => [name, filesOf(targets)]));
}

describe('the picture of the house', () => {
  it('every room has a rule', () => {
    assert.deepEqual(
      [...new Set([...named.keys()].map(roomOf))].filter((room) => rules[room] === undefined),
      [],
    );
  });

  it("every import follows its room's rule", () => {
    const wrong = arrows.filter(({ from, to }) => {
      const [room, target] = [roomOf(from), roomOf(to)];
      return room !== target && !rules[room]?.imports.includes(target);
    });
    assert.deepEqual(
      wrong.map(({ from, to }) => `${from} → ${to}`),
      [],
    );
  });

  it('no source imports a test or its support', () => {
    const wrong = arrows.filter(({ to }) => to.includes('.test.'));
    assert.deepEqual(wrong, []);
  });

  it('the bench, the scripts and the examples import nothing of the tests', () => {
    const others = ['bench', 'scripts', 'examples', 'test'].flatMap((folder) =>
      readSources(projectRoot(), folder),
    );
    const wrong = arrowsOf(others).filter(
      ({ from, to }) => !from.startsWith('test/') && to.startsWith('test/'),
    );
    assert.deepEqual(wrong, []);
  });

  it('no import cycle exists, type-only imports included', () => {
    assert.deepEqual(cycles(arrows), []);
  });

  it('each room uses only the runtime modules of its row', () => {
    const wrong = [...named].flatMap(([file, modules]) => {
      const allowed = rules[roomOf(file)]?.node ?? [];
      return modules
        .filter((module) => module.startsWith('node:') && allowed !== 'any' && !allowed.includes(module))
        .map((module) => `${file} → ${module}`);
    });
    assert.deepEqual(wrong, []);
  });

  it('packages are imported only as the table of packages permits', () => {
    const wrong = [...named].flatMap(([file, modules]) =>
      modules
        .filter(
          (module) => !module.startsWith('.') && !module.startsWith('node:') && !conditional.has(module),
        )
        .filter((module) => !packages[roomOf(file)]?.includes(module))
        .map((module) => `${file} → ${module}`),
    );
    assert.deepEqual(wrong, []);
  });

  it('the door gantry/core reaches no module and no global variable of Node, by any number of imports', () => {
    const elsewhere = arrowsOf(sources, (module) =>
      (conditional.get(module) ?? []).flatMap(({ condition, file }) =>
        condition === 'default' ? [file] : [],
      ),
    );
    const reached = reachableFrom('core.ts', elsewhere);
    assert.ok(reached.has('remote/upload/session.ts') && reached.has('flow/portable/hash.ts'));
    const wrong = sources
      .filter(({ path }) => reached.has(path))
      .flatMap((source) =>
        [
          ...importedModules(source).filter((module) => module.startsWith('node:')),
          ...identifiersIn(source).filter((name) => nodeGlobals.has(name)),
        ].map((name) => `${source.path} → ${name}`),
      );
    assert.deepEqual(wrong, []);
  });

  it('a module keeps state only in the listed variables', () => {
    const found = sources.flatMap((source) => stateOf(source).map((name) => `${source.path} ${name}`));
    assert.deepEqual(found, Object.keys(moduleState));
  });

  it('a variable of a module that may hold state is found', () => {
    const text = [
      'let count = 0;',
      'export const made: Map<string, number> = new Map();',
      'const owner = createOwner(), lists = { a: [] }, flags = { on: false }, seen = new Set(names);',
      'const table = new Set(names), pattern = new RegExp("x"), plain = { a: [] };',
      'function change() { let plain; plain = 1; lists.a.push(1); flags.on = true; seen.delete(2); }',
    ].join('\n');
    const found = stateOf({ path: 'x.ts', text });
    assert.deepEqual(found, ['count', 'made', 'owner', 'lists', 'flags', 'seen']);
  });

  it('each conditional import has a file for Node and one for every other runtime', () => {
    for (const [name, files] of conditional) {
      assert.deepEqual(
        files.map(({ condition }) => condition),
        ['node', 'default'],
        name,
      );
      for (const { file } of files) assert.ok(named.has(file), file);
    }
  });

  it('a forbidden import and a cycle are found', () => {
    const text = 'const { process: own } = a.Buffer; module[own](process);';
    assert.deepEqual(identifiersIn({ path: 'x.ts', text }), ['own', 'a', 'module', 'process']);
    assert.equal(rules['spec']?.imports.includes('wire'), false);
    assert.deepEqual(
      cycles([
        { from: 'a', to: 'b' },
        { from: 'b', to: 'c' },
        { from: 'c', to: 'a' },
      ]),
      [['a', 'b', 'c', 'a']],
    );
  });
});
