import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import process from 'node:process';
import type { TestContext } from 'node:test';
import { promisify } from 'node:util';
import { startFakeDaemon } from '../../bench/support/fake-daemon.ts';
import { openRules } from '../../src/server/index.ts';
import { startRegistry } from '../../src/testing/index.ts';
import { atEnd } from '../at-end.ts';
import { folder } from '../folder.ts';
import { type Authority, createAuthority } from '../tls/authority.ts';
import { furnish, publish } from './fixtures.ts';
import { startForward, startHosts } from './hosts.ts';
import type { Block } from './pages.ts';
import { startServing } from './serving.ts';

/** The machine of a reader who types the blocks of one document from top to bottom, in one folder. */
export interface Stage {
  /** Runs a block unchanged. `compiled` is the JavaScript of a TypeScript block. Rejects when the block fails. */
  run(block: Block, compiled?: string): Promise<void>;
}

/** Milliseconds for one block, with the registries that it starts. Only a block that hangs takes this long. */
const timeout = 300_000;

export async function openStage(test: TestContext): Promise<Stage> {
  const keep = <T extends AsyncDisposable>(thing: T): T => {
    atEnd(test, () => thing[Symbol.asyncDispose]());
    return thing;
  };
  const home = await folder(test);
  const authority = await createAuthority(await folder(test));
  const hosts = keep(await startHosts(authority));
  await publish(hosts);
  await furnish(home, authority);
  const local = keep(await startRegistry());
  const localPort = Number(new URL(local.url).port);
  const forward = keep(await startForward(localPort));
  const daemon = keep(await startFakeDaemon(await folder(test)));
  const env = { ...environment(home, authority, hosts.proxy), DOCKER_HOST: daemon.host };
  const started = (port: number): void => {
    forward.target = port;
  };
  const serving = keep(await startServing({ env, started }));
  return {
    async run(block, compiled = block.code) {
      const text = compiled.replaceAll('localhost:5000', `localhost:${forward.port}`);
      try {
        await runText(home, block, text, { ...env, GANTRY_TEST_SERVING: serving.url });
      } finally {
        await serving.end();
        forward.target = localPort;
      }
    },
  };
}

async function runText(home: string, block: Block, text: string, env: NodeJS.ProcessEnv): Promise<void> {
  const { language, file } = block;
  if (file !== undefined) return loadFile(home, file, text);
  if (language === 'sh') {
    await writeFile(join(home, 'block.sh'), text);
    return runProgram('sh', ['-eu', 'block.sh'], home, env);
  }
  assert.match(language, /^[jt]s$/, `${block.where}: nothing runs a block of the language "${language}"`);
  await writeFile(join(home, 'block.mjs'), text);
  return runProgram(process.execPath, ['block.mjs'], home, env);
}

async function runProgram(
  program: string,
  args: readonly string[],
  cwd: string,
  env: NodeJS.ProcessEnv,
): Promise<void> {
  await promisify(execFile)(program, args, { cwd, env, timeout }).catch((error: unknown) => {
    if (!(error instanceof Error)) throw error;
    const [stdout, stderr] = ['stdout' in error ? error.stdout : '', 'stderr' in error ? error.stderr : ''];
    assert.fail(`${error.message}\n${String(stdout)}${String(stderr)}`);
  });
}

/** The code of gantry that reads each file, by the file's name. Throws when gantry refuses the text. */
const readers: Readonly<Record<string, (text: string, file: string) => Promise<unknown>>> = {
  'rules.yaml': async (text, file) => openRules(async () => text, { file }),
};

/** Writes a file that a block shows, so that later blocks can use it, and reads it as gantry does. */
async function loadFile(home: string, file: string, text: string): Promise<void> {
  const read = readers[file];
  assert(read !== undefined, `no reader for ${file}: add the code of gantry that reads it to stage.ts`);
  await read(text, file);
  await mkdir(dirname(join(home, file)), { recursive: true });
  await writeFile(join(home, file), text);
}

/**
 * Returns an environment without the logins and proxies of the user who runs the tests. `gantry` and the replacements
 * come first in PATH.
 */
function environment(home: string, { caFile }: Authority, proxy: string): NodeJS.ProcessEnv {
  // A block with tests in it must not report to the runner of this test.
  const {
    NODE_TEST_CONTEXT: _,
    DOCKER_AUTH_CONFIG: __,
    GITHUB_TOKEN: ___,
    PORT: ____,
    ...rest
  } = process.env;
  return {
    ...rest,
    PATH: [join(home, 'bin'), process.env['PATH'] ?? ''].join(delimiter),
    HOME: home,
    // The password of cosign.key.
    COSIGN_PASSWORD: '',
    DOCKER_CONFIG: join(home, '.docker'),
    REGISTRY_AUTH_FILE: join(home, '.docker', 'auth.json'),
    HTTPS_PROXY: proxy,
    NO_PROXY: '',
    SSL_CERT_FILE: caFile,
  };
}
