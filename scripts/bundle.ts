import { chmod, copyFile, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Plugin, rolldown } from 'rolldown';
import { projectRoot } from '../test/project.ts';
import { precompile } from './precompile.ts';

/**
 * What every command that asks a registry something loads, and the short commands themselves: with what they import, one
 * file in place of a hundred, each of which takes half a millisecond to find.
 */
const core = [
  'cli/run',
  'cli/context',
  'cli/connection-flags',
  'cli/full-name',
  'cli/commands/digest',
  'cli/commands/ls',
  'cli/commands/manifest',
  'cli/commands/tag',
  'client/client',
  'client/manifests',
  'client/read',
];

/** What push and copy load beside it: thirty files more, which took them 4 of 62 ms. */
const transfer = [
  'cli/commands/copy',
  'cli/commands/push',
  'cli/progress',
  'client/copy',
  'client/push',
  'layout/repository',
  'remote/upload/ladder',
  'remote/upload/mount',
  'remote/upload/session',
];

/**
 * Makes the command line out of what the compiler has left in a folder: `cli/gantry.cjs` and the parts that it loads when
 * a command needs them. A process lives for some tens of milliseconds, and most of these went into finding, compiling and
 * linking two hundred modules. CommonJS, since its loader takes half the time of the other.
 *
 * The library is not bundled. Its dependencies stay outside; commander, which only the command line has, goes in.
 */
async function bundle(compiled: string): Promise<void> {
  const root = projectRoot();
  const manifest = await packageManifest(root);
  const target = join(compiled, 'cli');
  await rm(target, { recursive: true, force: true });
  const [inCore, inTransfer] = [new Set<string>(), new Set<string>()];
  const sources = (names: readonly string[]) => names.map((name) => join(compiled, 'src', `${name}.js`));
  const bundling = await rolldown({
    input: { gantry: join(compiled, 'src', 'cli', 'main.js') },
    platform: 'node',
    external: [...manifest.dependencies],
    preserveEntrySignatures: false,
    treeshake: { moduleSideEffects: false },
    plugins: [
      reachable(sources(core), inCore),
      reachable(sources(transfer), inTransfer),
      lazyRuntime(),
      knownVersion(manifest.version),
    ],
    // A part that is imported both ways is in the core for the one, and needs no file for the other.
    checks: { ineffectiveDynamicImport: false },
  });
  const { output } = await bundling.write({
    dir: target,
    format: 'cjs',
    entryFileNames: '[name].cjs',
    chunkFileNames: '[name]-[hash].cjs',
    // What is precompiled has no loader to import with.
    dynamicImportInCjs: false,
    codeSplitting: {
      groups: [
        { name: 'version', test: /cli[/\\]version\.js$/, priority: 2 },
        { name: 'core', test: (id) => inCore.has(id), priority: 1 },
        { name: 'transfer', test: (id) => inTransfer.has(id) },
      ],
    },
    // No names of functions and classes are changed: errors are known by them, and stacks stay readable.
    minify: {
      compress: true,
      mangle: { toplevel: false, keepNames: true },
      codegen: { removeWhitespace: true },
    },
  });
  await bundling.close();
  // A thread is started by the name of its file, beside the one that starts it.
  await copyFile(join(compiled, 'src', 'blobfile', 'hash-program.js'), join(target, 'hash-program.js'));
  const modules = output.flatMap((part) => (part.type === 'chunk' ? part.moduleIds : []));
  await writeFile(join(target, 'LICENSES.txt'), await notices(root, modules));
  for (const { fileName } of output) {
    if (fileName.startsWith('core-')) await precompile(join(target, 'gantry.cjs'), join(target, fileName));
  }
  await chmod(join(target, 'gantry.cjs'), 0o755);
}

interface Manifest {
  readonly version: string;
  /** The names of the packages that users get beside this one. */
  readonly dependencies: readonly string[];
}

async function packageManifest(root: string): Promise<Manifest> {
  const manifest: unknown = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
  if (typeof manifest !== 'object' || manifest === null) throw new Error('package.json is no object');
  const { version, dependencies }: { version?: unknown; dependencies?: unknown } = manifest;
  return { version: String(version), dependencies: Object.keys(Object(dependencies)) };
}

/** Writes the version in: to find package.json and read it takes a fiftieth of `gantry digest`. */
function knownVersion(version: string): Plugin {
  return {
    name: 'known-version',
    load(id) {
      if (!/[\\/]cli[\\/]version\.js$/.test(id)) return null;
      return `export function packageVersion() { return ${JSON.stringify(version)}; }`;
    },
  };
}

/** Notes in `found` what is imported from `roots`, all the way down; not what is imported when it is needed. */
function reachable(roots: readonly string[], found: Set<string>): Plugin {
  return {
    name: 'reachable',
    buildEnd() {
      const add = (id: string): void => {
        const module = found.has(id) ? null : this.getModuleInfo(id);
        if (module === null) return;
        found.add(id);
        for (const imported of module.importedIds) add(imported);
      };
      for (const root of roots) add(root);
    },
  };
}

/**
 * Loads each module of the runtime where it is first used, and keeps it: `require` itself takes two microseconds each time.
 * Each costs up to ten milliseconds (`node:crypto`), and a command that asks a registry over plain HTTP needs few of them.
 */
function lazyRuntime(): Plugin {
  return {
    name: 'lazy-runtime',
    renderChunk(code) {
      // The bundler's own names for them, which nothing else has, and commander's for the one that costs it something.
      const required = /^[ \t]*(?:let|const) (node_[\w$]+|childProcess) = require\("(node:[a-z_/]+)"\);\n/gm;
      let lazy = code;
      for (const [statement, name = '', module = ''] of code.matchAll(required)) {
        const escaped = name.replaceAll('$', '\\$');
        lazy = lazy
          .replace(statement, () => `var ${name};\n`)
          .replace(new RegExp(`^${escaped} = [\\w$.]+\\(${escaped}, 1\\);\n`, 'm'), '')
          .replace(
            new RegExp(`(?<![\\w$.]|^var )${escaped}(?:\\.default)?(?![\\w$])`, 'gm'),
            () => `(${name} ??= require("${module}"))`,
          );
      }
      return { code: lazy };
    },
  };
}

/** What the licences of the packages inside want to be said with every copy. */
async function notices(root: string, modules: readonly string[]): Promise<string> {
  const folder = join(root, 'node_modules') + sep;
  const inside = modules.filter((id) => id.startsWith(folder)).map((id) => relative(folder, id));
  const names = new Set(
    inside.map((path) =>
      path
        .split(sep)
        .slice(0, path.startsWith('@') ? 2 : 1)
        .join('/'),
    ),
  );
  const texts = [...names].sort().map(async (name) => {
    const licence = await readFile(join(folder, name, 'LICENSE'), 'utf8');
    return `${name}\n\n${licence.trim()}\n`;
  });
  return (await Promise.all(texts)).join('\n');
}

await bundle(dirname(dirname(fileURLToPath(import.meta.url))));
