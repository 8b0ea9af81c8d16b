import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { cliManual } from '../../scripts/cli-manual.ts';
import { projectRoot } from '../../scripts/project.ts';
import { type Command, type CommandGroup, isGroup, type Option } from '../../src/cli/command.ts';
import { exit } from '../../src/cli/exit.ts';
import { parseCommandLine } from '../../src/cli/program.ts';
import { globalOptions } from '../../src/cli/shared-options.ts';
import { commands } from '../../src/cli/table.ts';
import { blocksOf, documents, readText } from './pages.ts';

const root = projectRoot();
const readme = readText('README.md');

describe('README.md', () => {
  it('README.md has at most 150 lines', () => {
    assert.ok(readme.trimEnd().split('\n').length <= 150);
  });

  it('README.md shows the command line and the library with at least ten lines each', () => {
    for (const wanted of ['sh', 'ts']) {
      const own = blocksOf('README.md').filter(({ language }) => language === wanted);
      assert.ok(Math.max(0, ...own.map(({ code }) => lines(code))) >= 10, wanted);
    }
  });

  it('README.md gives the two commands, and package.json has their scripts', () => {
    assert.match(readme, /^npm ci && npm run quickstart$/m);
    assert.match(readme, /^npm cit$/m);
    assert.match(readText('package.json'), /"quickstart":/);
  });

  it('README.md links to every other document', () => {
    const others = documents.filter((name) => name !== 'README.md');
    assert.deepEqual(
      others.filter((name) => !readme.includes(`](${name})`)),
      [],
    );
  });
});

describe('the manuals', () => {
  it('docs/cli.md is what `npm run docs:cli` writes', () => {
    const page = readText('docs/cli.md');
    assert.equal(cliManual(page), page, 'run `npm run docs:cli` and commit docs/cli.md');
    assert.match(page, /^### gantry copy SRC DST$/m);
  });

  it('docs/cli.md names every exit code', () => {
    const page = readText('docs/cli.md');
    assert.deepEqual(
      Object.values(exit).filter((code) => !page.includes(`\n| ${code} | `)),
      [],
    );
  });

  for (const name of ['docs/library.md', 'docs/picture.md']) {
    it(`${name} names every error code`, () => {
      const codes = [...readText('src/errors.ts').matchAll(/'([A-Z]{2,}(?:_[A-Z]+)*)'/g)];
      const page = readText(name);
      assert.ok(codes.length > 20);
      assert.deepEqual(
        codes.map(([, code = '']) => code).filter((code) => !new RegExp(`\\b${code}\\b`).test(page)),
        [],
      );
    });
  }

  it('docs/library.md names every verb and every option of the client', () => {
    const page = readText('docs/library.md');
    const verbs = ['change', 'list', 'login', 'read', 'transfer'].flatMap((file) =>
      [...readText(`src/client/verbs/${file}.ts`).matchAll(/^ {2}(\w+)\(/gm)].map(([, name]) => name),
    );
    const options = [
      'src/client/client.ts',
      'src/client/connection-options.ts',
      'src/hosts/hosts.ts',
    ].flatMap((file) => {
      const found = readText(file).match(
        /^export interface (?:ClientOptions|ConnectionOptions|HostSettings).*?^\}/ms,
      );
      return [...(found?.[0] ?? '').matchAll(/^ {2}readonly (\w+)\?:/gm)].map(([, name]) => name);
    });
    assert.ok(verbs.length > 20 && options.length > 10);
    assert.deepEqual(
      [...verbs, ...options].filter((name) => !new RegExp(`\`(?:client\\.)?${name}[\`(]`).test(page)),
      [],
    );
  });

  it('docs/registry.md names every flag of gantry serve, and every flag in its table of limits exists', () => {
    const page = readText('docs/registry.md');
    const serve = commands.find(({ name }) => name === 'serve');
    assert(serve !== undefined && !isGroup(serve));
    assert.deepEqual(
      serve.options
        .map(({ name }) => `--${name}`)
        .filter((flag) => !new RegExp(`${flag}\\b(?!-)`).test(page)),
      [],
    );
  });

  for (const name of ['docs/picture.md', 'CONTRIBUTING.md']) {
    it(`${name} names only files and folders of src that exist`, () => {
      const rooms = readdirSync(join(root, 'src')).join('|');
      const named = [
        ...readText(name).matchAll(new RegExp(`\\b(?<![/.-])(?:src/)?((?:${rooms})/[\\w./-]*\\w)`, 'g')),
      ];
      assert.ok(named.length > 10);
      assert.deepEqual(
        named
          .map(([, path = '']) => path)
          .filter(
            (path) =>
              !isPlaceholder(path) &&
              !['', '.ts'].some((end) => existsSync(join(root, 'src', `${path}${end}`))),
          ),
        [],
      );
    });
  }

  it('docs/picture.md has a row for every room', () => {
    const rooms = readdirSync(join(root, 'src'), { withFileTypes: true }).map((entry) =>
      entry.isDirectory() ? `${entry.name}/` : entry.name,
    );
    const table = readText('docs/picture.md')
      .split('\n')
      .filter((line) => line.startsWith('| '));
    assert.deepEqual(
      rooms.filter((room) => !table.some((line) => (line.split('|')[1] ?? '').includes(room))),
      [],
    );
  });
});

describe('every document', () => {
  for (const name of documents) {
    it(`${name} links only to files and headings that exist`, () => {
      const text = readText(name);
      const targets = [...text.matchAll(/\]\((?!https?:)([^)]*)\)/g)].map(([, target = '']) => target);
      assert.deepEqual(
        targets.filter((target) => !leadsSomewhere(name, target)),
        [],
      );
    });

    it(`${name} has who, what and the like in at most 2 % of its lines`, () => {
      const prose = readText(name)
        .replace(/^<!-- generated: .*?^<!-- end -->/gms, '')
        .replace(/^```.*?^```$/gms, '')
        .replace(/`[^`\n]*`/g, '');
      const all = prose.split('\n').filter((line) => line.trim() !== '');
      const vague = all.filter((line) => /\b(?:who|whom|whose|what|whoever|whatever)\b/i.test(line));
      assert.ok(vague.length <= all.length * 0.02, vague.join('\n'));
    });

    it(`${name} names only scripts of package.json after npm run`, () => {
      const scripts = Object.keys(Object(JSON.parse(readText('package.json'))).scripts);
      const used = [...readText(name).matchAll(/\bnpm run ([\w:-]+)/g)].map(([, script = '']) => script);
      assert.deepEqual(
        used.filter((script) => !scripts.includes(script)),
        [],
      );
    });

    it(`${name} shows only command lines that gantry can parse`, () => {
      for (const line of commandLines(name)) {
        assert.doesNotThrow(() => parseCommandLine(line.split(/\s+/).slice(1)), line);
      }
    });
  }

  // The other documents name flags of other tools.
  for (const name of [
    'README.md',
    'SECURITY.md',
    'CHANGELOG.md',
    'docs/cli.md',
    'docs/library.md',
    'docs/registry.md',
  ]) {
    it(`${name} names only flags that gantry has`, () => {
      const options = [...globalOptions, ...commands.flatMap(optionsOf)].map((option) => `--${option.name}`);
      const written = [...readText(name).matchAll(/--[a-z]+(?:[-_][a-z]+)*\b(?!-)/g)].map(
        ([option]) => option,
      );
      assert.deepEqual(
        written.filter((option) => ![...options, '--help'].includes(option)),
        [],
      );
    });
  }
});

/** NOUN and NAME stand for a file that the reader is about to write. */
function isPlaceholder(path: string): boolean {
  return /\b(?:NOUN|NAME)\b/.test(path);
}

function lines(code: string): number {
  return code.split('\n').filter((line) => line.trim() !== '').length;
}

/** The gantry commands in the shell blocks of a document: without comments and pipes, and each in one line. */
function commandLines(name: string): string[] {
  const shell = blocksOf(name).filter(({ language }) => language === 'sh');
  const typed = shell.map(({ code }) => code).join('');
  const whole = typed.replace(/\\\n\s*/g, '').replace(/ *(?:[|#<>].*)$/gm, '');
  return [...whole.matchAll(/^ *(gantry .*)$/gm)].map(([, line = '']) => line.replace(/["']/g, ''));
}

function optionsOf(entry: Command | CommandGroup): readonly Option[] {
  return isGroup(entry) ? entry.commands.flatMap(({ options }) => options) : entry.options;
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
