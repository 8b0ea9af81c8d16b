import { chmod, copyFile, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Plugin, rolldown } from 'rolldown';
import { precompile } from './precompile.ts';
import { projectRoot } from './project.ts';

/**
 * The modules for every request to a registry, and the short commands themselves. With their imports they become one
 * file in place of a hundred, and finding each file takes half a millisecond.
 */
const core = [
  'cli/run',
  'cli/context',
  'cli/connection-flags',
  'cli/full-name',
  'cli/state',
  'cli/commands/digest',
  'cli/commands/ls',
  'cli/commands/manifest',
  'cli/commands/tag',
  'client/client',
  'client/manifests',
  'client/read',
];

/** The further modules for push and copy. As thirty files they took 4 of 62 ms. */
const transfer = [
  'cli/commands/copy',
  'cli/commands/push',
  'cli/progress',
  'client/copy',
  'client/push',
  'layout/repository',
  'remote/upload/ingest-content',
  'remote/upload/write-blob',
  'remote/upload/mount',
  'remote/upload/session',
];

/**
 * Makes the command line from the compiled files in a folder: `cli/gantry.cjs`, and the parts that it loads when a
 * command needs them. A process lives for some tens of milliseconds, and it spent most of them finding, compiling and
 * linking two hundred modules. The format is CommonJS, since its loader takes half the time of the other.
 *
 * The library is not bundled. Its dependencies stay outside; commander goes in, since only the command line uses it.
 */
export async function bundle(compiled: string, { target, standalone }: BundleOptions): Promise<void> {
  const root = projectRoot();
  const manifest = await packageManifest(root);
  await rm(target, { recursive: true, force: true });
  const [inCore, inTransfer] = [new Set<string>(), new Set<string>()];
  const sources = (names: readonly string[]) => names.map((name) => join(compiled, 'src', `${name}.js`));
  const bundling = await rolldown({
    input: { gantry: join(compiled, 'src', 'cli', 'main.js') },
    platform: 'node',
    external: standalone ? [] : [...manifest.dependencies],
    preserveEntrySignatures: false,
    treeshake: { moduleSideEffects: false },
    plugins: [
      reachable(sources(core), inCore),
      reachable(sources(transfer), inTransfer),
      knownVersion(manifest.version),
      ...(standalone ? [ownThread(compiled)] : []),
    ],
    // A part that is imported in both ways goes into the core, and needs no file of its own.
    checks: { ineffectiveDynamicImport: false },
  });
  const { output } = await bundling.write({
    dir: target,
    format: 'cjs',
    entryFileNames: '[name].cjs',
    chunkFileNames: '[name]-[hash].cjs',
    // The precompiled part has no loader for `import()`.
    dynamicImportInCjs: false,
    codeSplitting: {
      groups: [
        { name: 'version', test: /cli[/\\]version\.js$/, priority: 2 },
        { name: 'core', test: (id) => inCore.has(id), priority: 1 },
        { name: 'transfer', test: (id) => inTransfer.has(id) },
      ],
    },
    // Names of functions and classes stay: gantry knows errors by their names, and stacks stay readable.
    minify: {
      compress: true,
      mangle: { toplevel: false, keepNames: true },
      codegen: { removeWhitespace: true },
    },
  });
  await bundling.close();
  // A thread starts from a file beside the file of its starter.
  if (!standalone) await copyFile(threadProgram(compiled), join(target, 'hash-program.js'));
  const modules = output.flatMap((part) => (part.type === 'chunk' ? part.moduleIds : []));
  await writeFile(join(target, 'LICENSES.txt'), await notices(root, modules));
  for (const { fileName } of output) {
    if (!standalone && fileName.startsWith('core-'))
      await precompile(join(target, 'gantry.cjs'), join(target, fileName));
  }
  await chmod(join(target, 'gantry.cjs'), 0o755);
}

export interface BundleOptions {
  /** The folder for the files. */
  readonly target: string;
  /**
   * Whether the files work anywhere: with all packages in them, without a file for a thread, and without bytecode of
   * Node.
   */
  readonly standalone: boolean;
}

interface Manifest {
  readonly version: string;
  /** The names of the packages that users install with this one. */
  readonly dependencies: readonly string[];
}

export async function packageManifest(root: string): Promise<Manifest> {
  const manifest: unknown = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
  if (typeof manifest !== 'object' || manifest === null) throw new Error('package.json is no object');
  const { version, dependencies }: { version?: unknown; dependencies?: unknown } = manifest;
  return { version: String(version), dependencies: Object.keys(Object(dependencies)) };
}

/** Writes the version into the bundle, since finding and reading package.json takes a fiftieth of `gantry digest`. */
function knownVersion(version: string): Plugin {
  return {
    name: 'known-version',
    load(id) {
      if (!/[\\/]cli[\\/]version\.js$/.test(id)) return null;
      return `export function packageVersion() { return ${JSON.stringify(version)}; }`;
    },
  };
}

function threadProgram(compiled: string): string {
  return join(compiled, 'src', 'blobfile', 'hash-program.js');
}

/** Writes the program of the thread that hashes into the file of its starter, as the address of its source. */
function ownThread(compiled: string): Plugin {
  const address = "new URL('./hash-program.js', import.meta.url)";
  return {
    name: 'own-thread',
    async transform(code, id) {
      if (!/[\\/]blobfile[\\/]hash-thread\.js$/.test(id)) return null;
      if (!code.includes(address)) throw new Error(`${id} does not start a thread from ${address}`);
      const program = await rolldown({ input: threadProgram(compiled), platform: 'node' });
      const [{ code: source }] = (await program.generate({ format: 'esm', minify: true })).output;
      await program.close();
      const encoded = Buffer.from(source).toString('base64');
      return code.replace(address, `new URL('data:text/javascript;base64,${encoded}')`);
    },
  };
}

/** Adds to `found` all static imports of `roots`, direct and indirect ones. Dynamic imports do not count. */
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

/** Packages without a text of their licence, with the package of the same project that has it. */
const licenceElsewhere: Readonly<Record<string, string>> = { '@sigstore/verify': '@sigstore/core' };

/** Returns the licences that must accompany every copy of the bundled packages. */
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
    const licence = await readFile(join(folder, licenceElsewhere[name] ?? name, 'LICENSE'), 'utf8');
    return `${name}\n\n${licence.trim()}\n`;
  });
  return (await Promise.all(texts)).join('\n');
}

if (process.argv[1]?.endsWith(join('scripts', 'bundle.js')) === true) {
  const compiled = dirname(dirname(fileURLToPath(import.meta.url)));
  await bundle(compiled, { target: join(compiled, 'cli'), standalone: false });
}
