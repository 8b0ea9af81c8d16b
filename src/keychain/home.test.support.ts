import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { after, before } from 'node:test';
import { secret } from '../../test/secret.ts';
import type { Credential } from './credential.ts';

let root = '';
let homes = 0;
before(async () => {
  root = await mkdtemp(join(tmpdir(), 'gantry-keychain-'));
});
after(() => rm(root, { recursive: true, force: true }));

export interface Home {
  readonly path: string;
  readonly env: NodeJS.ProcessEnv;
}

/** Creates a home folder with these files. */
export async function home(
  files: Readonly<Record<string, unknown>> = {},
  env: NodeJS.ProcessEnv = {},
): Promise<Home> {
  const path = join(root, `home-${++homes}`);
  await mkdir(join(path, 'bin'), { recursive: true });
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(path, name)), { recursive: true });
    await writeFile(join(path, name), typeof content === 'string' ? content : JSON.stringify(content));
  }
  return {
    path,
    env: {
      HOME: path,
      PATH: `${join(path, 'bin')}${delimiter}${process.env['PATH']}`,
      XDG_RUNTIME_DIR: join(path, 'run'),
      ...env,
    },
  };
}

/**
 * Creates a helper as a real program. It records each run in `runs` and its input in `input`, and then executes `body`.
 */
export async function addHelper({ path }: Home, name: string, body: string): Promise<void> {
  const file = join(path, 'bin', `docker-credential-${name}`);
  const script = `#!${process.execPath}
const fs = require('node:fs');
const input = fs.readFileSync(0, 'utf8');
fs.appendFileSync(${JSON.stringify(join(path, 'runs'))}, process.argv[2] + ' ' + input + '\\n');
${body}
`;
  await writeFile(file, script);
  await chmod(file, 0o755);
}

export async function runsOf({ path }: Home): Promise<readonly string[]> {
  const text = await readFile(join(path, 'runs'), 'utf8').catch(() => '');
  return text.split('\n').slice(0, -1);
}

export const config: string = '.docker/config.json';
/** `user:name` as files have it. The password is the secret of that name. */
export const auth = (text: string): string =>
  Buffer.from(text.replace(/:(?=.)(.*)/s, (_, name: string) => `:${secret(name)}`)).toString('base64');
export const basic = (username: string, name: string): Credential => ({
  kind: 'basic',
  username,
  password: secret(name),
});
/** A file with one registry, `a`. */
export const entry = (name: string): { readonly auths: unknown } => ({
  auths: { a: { auth: auth(`${name}:x`) } },
});
/** The code with which a helper prints its answer. */
export const answer = (value: unknown): string => `console.log(${JSON.stringify(JSON.stringify(value))});`;
export const unlessWindows: { readonly skip?: string } =
  process.platform === 'win32' ? { skip: 'a script is no program on Windows' } : {};
