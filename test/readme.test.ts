import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { type Command, type CommandGroup, isGroup, type Option } from '../src/cli/command.ts';
import { exit } from '../src/cli/exit.ts';
import { parseCommandLine } from '../src/cli/program.ts';
import { globalOptions } from '../src/cli/shared-options.ts';
import { commands } from '../src/cli/table.ts';
import { bytesContent, createClient, createImage, createIndex, createLayer } from '../src/index.ts';
import { startRegistry } from '../src/testing/index.ts';
import { binary } from './cli/gantry.ts';
import { projectRoot } from './project.ts';

const root = projectRoot();
const readme = readText('README.md');

/** The code blocks that README marks with `<!-- run -->`: what a reader copies has to work. */
const blocks = [...readme.matchAll(/<!-- run -->\n```(\w+)\n(.*?)```/gs)].map(
  ([, language = '', code = '']) => ({
    language,
    code,
  }),
);

describe('the README', () => {
  it('shows at least ten lines of each door that run', () => {
    for (const wanted of ['sh', 'js']) {
      const own = blocks.filter(({ language }) => language === wanted);
      assert.ok(Math.max(0, ...own.map(({ code }) => lines(code))) >= 10, wanted);
    }
  });

  for (const [at, { language, code }] of blocks.entries()) {
    const skip = language === 'sh' && process.platform === 'win32' && 'this block is for a POSIX shell';
    it(`has a block ${at + 1} (${language}) that runs as it stands`, { skip }, () =>
      runBlock(language, code),
    );
  }

  it('readme-in-typescript: has no block that strict TypeScript refuses', async () => {
    const home = await mkdtemp(join(tmpdir(), 'gantry-readme-types-'));
    try {
      await mkdir(join(home, 'node_modules'));
      await symlink(root, join(home, 'node_modules', 'gantry'), 'junction');
      await symlink(join(root, 'node_modules', '@types'), join(home, 'node_modules', '@types'), 'junction');
      const code = blocks.filter(({ language }) => language === 'js');
      await Promise.all(code.map((block, at) => writeFile(join(home, `block-${at}.mts`), block.code)));
      const compilerOptions = {
        target: 'es2022',
        module: 'nodenext',
        types: ['node'],
        noEmit: true,
        strict: true,
        exactOptionalPropertyTypes: true,
        noUncheckedIndexedAccess: true,
      };
      await writeFile(join(home, 'tsconfig.json'), JSON.stringify({ compilerOptions }));
      const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
      await promisify(execFile)(process.execPath, [compiler, '-p', home]).catch((error: unknown) => {
        assert.fail(error instanceof Error && 'stdout' in error ? String(error.stdout) : String(error));
      });
    } finally {
      await rm(home, { recursive: true, force: true });
    }
  });

  it('has one line for each command, in its own words', () => {
    const rows = commands.flatMap((entry) => rowsOf(entry));
    assert.deepEqual(
      rows.filter((row) => !readme.includes(row)),
      [],
    );
  });

  it('names every exit code and every error code', () => {
    const codes = [...readText('src/errors.ts').matchAll(/'([A-Z]+(?:_[A-Z]+)+|DENIED|UNAUTHORIZED)'/g)];
    const expected = new Set(codes.map(([, code]) => `\`${code}\``));
    for (const code of Object.values(exit)) expected.add(`| ${code} |`);
    assert.deepEqual(
      [...expected].filter((text) => !readme.includes(text)),
      [],
    );
  });

  it('names every verb and every option of the client', () => {
    const client = readText('src/client/client.ts').match(/^export interface Client extends .*?^\}/ms);
    const verbs = [...(client?.[0] ?? '').matchAll(/^ {2}(\w+)\(/gm)].map(([, name]) => name);
    const options = ['src/client/client.ts', 'src/client/connections.ts'].flatMap((file) => {
      const found = readText(file).match(/^export interface (?:Client|Connection)Options.*?^\}/ms);
      return [...(found?.[0] ?? '').matchAll(/^ {2}readonly (\w+)\?:/gm)].map(([, name]) => name);
    });
    assert.ok(verbs.length > 20 && options.length > 10);
    assert.deepEqual(
      [...verbs, ...options].filter((name) => !new RegExp(`\`(?:client\\.)?${name}[\`(]`).test(readme)),
      [],
    );
  });

  it('gives the two commands, and package.json has them', () => {
    assert.match(readme, /^npm ci && npm run quickstart$/m);
    assert.match(readme, /^npm cit$/m);
    assert.match(readText('package.json'), /"quickstart":/);
  });
});

describe('the documents', () => {
  const documents = [
    'README.md',
    'CONTRIBUTING.md',
    'CHANGELOG.md',
    'SECURITY.md',
    'docs/benchmarks.md',
    'docs/migrating.md',
    'docs/picture.md',
    'docs/quirks.md',
  ];

  for (const name of documents) {
    it(`${name} links only to files and headings that are there`, () => {
      const text = readText(name);
      const targets = [...text.matchAll(/\]\((?!https?:)([^)]*)\)/g)].map(([, target = '']) => target);
      assert.deepEqual(
        targets.filter((target) => !leadsSomewhere(name, target)),
        [],
      );
    });
  }

  for (const name of ['README.md', 'SECURITY.md', 'CHANGELOG.md']) {
    it(`${name} writes gantry's commands and options as there are`, () => {
      const text = readText(name);
      const options = [...globalOptions, ...commands.flatMap(optionsOf)].map((option) => `--${option.name}`);
      const written = [...text.matchAll(/--[a-z]+(?:-[a-z]+)*\b(?!-)/g)].map(([option]) => option);
      assert.deepEqual(
        written.filter((option) => ![...options, '--help'].includes(option)),
        [],
      );
      for (const line of commandLines(text)) {
        assert.doesNotThrow(() => parseCommandLine(line.split(/\s+/).slice(1)), line);
      }
    });
  }

  it('the picture has a row for every room', () => {
    const picture = readText('docs/picture.md');
    const rooms = readdirSync(join(root, 'src'), { withFileTypes: true }).map((entry) =>
      entry.isDirectory() ? `${entry.name}/` : entry.name,
    );
    const table = picture.split('\n').filter((line) => line.startsWith('| '));
    assert.deepEqual(
      rooms.filter((room) => !table.some((line) => (line.split('|')[1] ?? '').includes(room))),
      [],
    );
  });
});

function readText(name: string): string {
  return readFileSync(join(root, name), 'utf8');
}

function lines(code: string): number {
  return code.split('\n').filter((line) => line.trim() !== '').length;
}

/** What is typed in the blocks of a text: without comments and what follows a pipe, and each in one line. */
function commandLines(text: string): string[] {
  const typed = [...text.matchAll(/^```(?:sh)?\n(.*?)^```/gms)].map(([, block = '']) => block).join('');
  const whole = typed.replace(/\\\n\s*/g, '').replace(/ *(?:[|#].*)$/gm, '');
  return [...whole.matchAll(/^ *(gantry .*)$/gm)].map(([, line = '']) => line.replaceAll('"', ''));
}

function optionsOf(entry: Command | CommandGroup): readonly Option[] {
  return isGroup(entry) ? entry.commands.flatMap(({ options }) => options) : entry.options;
}

function rowsOf(entry: Command | CommandGroup): string[] {
  return isGroup(entry)
    ? entry.commands.map((command) => row(command, `${entry.name} ${command.name}`))
    : [row(entry, entry.name)];
}

function row({ arguments: names, choices, summary }: Command, name: string): string {
  const usage = [name, ...(choices === undefined ? names : [choices.join('\\|')])].join(' ');
  return `| \`${usage}\` | ${summary} |`;
}

function leadsSomewhere(from: string, target: string): boolean {
  const [path = '', heading] = target.split('#');
  const file = path === '' ? join(root, from) : join(root, dirname(from), path);
  if (!existsSync(file)) return false;
  if (heading === undefined) return true;
  const headings = [...readFileSync(file, 'utf8').matchAll(/^#+ (.*)$/gm)].map(([, text = '']) =>
    text
      .toLowerCase()
      .replace(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  );
  return headings.includes(heading);
}

/** Runs one block in a folder where the package is installed, the names of registries replaced by two of our own. */
async function runBlock(language: string, code: string): Promise<void> {
  await using published = await startRegistry();
  await using local = await startRegistry();
  await publish(`${published.host}/acme/app:1`);
  const home = await mkdtemp(join(tmpdir(), 'gantry-readme-'));
  try {
    await installInto(home);
    const text = code.replaceAll('ghcr.io', published.host).replaceAll('localhost:5000', local.host);
    const file = join(home, language === 'sh' ? 'block.sh' : 'block.mjs');
    await writeFile(file, text);
    const [program, ...args] = language === 'sh' ? ['sh', '-eu', file] : [process.execPath, file];
    await promisify(execFile)(program, args, { cwd: home, env: environment(home), timeout: 180_000 });
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}

/** No credentials of whoever runs the tests, and `gantry` in PATH. */
function environment(home: string): NodeJS.ProcessEnv {
  const path = [join(home, 'bin'), process.env['PATH'] ?? ''].join(delimiter);
  // A block with tests in it reports to nobody but its exit code.
  const { NODE_TEST_CONTEXT: _, DOCKER_AUTH_CONFIG: __, ...env } = process.env;
  return { ...env, PATH: path, HOME: home, DOCKER_CONFIG: join(home, '.docker') };
}

async function installInto(home: string): Promise<void> {
  await mkdir(join(home, 'node_modules'));
  await symlink(root, join(home, 'node_modules', 'gantry'), 'junction');
  await mkdir(join(home, 'bin'));
  const command = join(home, 'bin', 'gantry');
  await writeFile(command, `#!/bin/sh\nexec "${process.execPath}" "${binary}" "$@"\n`);
  await chmod(command, 0o755);
}

/** An index of two small images, as a reader's own would be. */
async function publish(name: string): Promise<void> {
  const layer = createLayer(bytesContent(new Uint8Array(10_240)), {
    mediaType: 'application/vnd.oci.image.layer.v1.tar',
  });
  const entries = ['amd64', 'arm64'].map((architecture) => ({
    image: createImage({ config: { os: 'linux', architecture }, layers: [layer] }),
    platform: { os: 'linux', architecture },
  }));
  await using client = createClient();
  await client.pushIndex(name, createIndex(entries));
}
