import { readFile, stat } from 'node:fs/promises';
import { InputError } from '../../errors.ts';
import { createSingleFlight } from '../../flow/single-flight.ts';
import type { Access, AccessOptions } from '../../server/access/access.ts';
import type { ListenOptions } from '../../server/node/listen.ts';
import { parseUrl } from '../../spec/url.ts';
import { ofOption, readOption } from '../of-option.ts';
import type { ParsedArgs } from '../parsed-args.ts';
import type { Store } from './store.ts';

/** The login, the rules and the certificate of a served registry. */
export interface WantedAccess {
  readonly access: AccessOptions;
  readonly listen: Pick<ListenOptions, 'anonymous' | 'tls'>;
  /** Host names that the registry answers to besides its own. */
  readonly hosts: readonly string[];
}

export interface AccessSurroundings {
  readonly host: string | undefined;
  /** Called when a changed file cannot be read. The previous version stays in effect until it can. */
  readonly onProblem: (error: unknown) => void;
}

/**
 * Reads the flags and their files.
 * @throws INVALID_OPTION for contradicting flags, for an unreadable file, and for a registry without a login that other
 * machines could reach
 */
export async function accessOf(
  given: ParsedArgs,
  { host = '127.0.0.1', onProblem }: AccessSurroundings,
): Promise<WantedAccess> {
  const [users, rules, publicUrl] = [given.text('htpasswd'), given.text('rules'), given.text('public-url')];
  const anonymous = given.flag('anonymous');
  if (users !== undefined && anonymous) {
    throw wrong(
      '--anonymous and --htpasswd exclude each other; use --rules to give everybody some rights beside logins',
    );
  }
  if (users === undefined && rules !== undefined && !anonymous) {
    throw wrong('--rules needs --htpasswd, or --anonymous for a registry without logins');
  }
  const { isLoopbackHost } = await import('../../server/node/exposure.ts');
  if (users === undefined && !anonymous && !isLoopbackHost(host)) {
    throw wrong(
      `a registry on ${host} without logins gives everybody full access: add --htpasswd FILE, or --anonymous to allow this`,
    );
  }
  const { createOriginOf } = await import('../../server/access/origin.ts');
  if (publicUrl !== undefined) readOption('public-url', publicUrl, createOriginOf);
  const { openHtpasswd } = await import('../../server/access/htpasswd.ts');
  const { openRules } = await import('../../server/access/rules-file.ts');
  const tls = await tlsOf(given);
  return {
    access: {
      login:
        users === undefined
          ? undefined
          : await openHtpasswd(fileReader(users), { file: users, onProblem }).catch(ofOption('htpasswd')),
      rules:
        rules === undefined
          ? undefined
          : await openRules(fileReader(rules), { file: rules, onProblem }).catch(ofOption('rules')),
      publicUrl,
    },
    listen: { anonymous, tls },
    hosts: [parseUrl(publicUrl ?? '')?.hostname ?? []].flat(),
  };
}

/** Uses the store's own key, so that tokens and uploads outlive this process if the store does. */
export async function makeAccess({ access }: WantedAccess, { secret }: Store): Promise<Access> {
  const { createAccess } = await import('../../server/access/access.ts');
  return createAccess({ ...access, key: await secret?.() });
}

async function tlsOf(given: ParsedArgs): Promise<ListenOptions['tls']> {
  const [cert, key] = [given.text('tls-cert'), given.text('tls-key')];
  if (cert === undefined && key === undefined) return undefined;
  if (cert === undefined || key === undefined)
    throw wrong('--tls-cert and --tls-key need each other: give both');
  return {
    cert: await read(cert).catch(ofOption('tls-cert')),
    key: await read(key).catch(ofOption('tls-key')),
  };
}

/** Returns the text of a file and reads it again only after a change. Concurrent callers share one look at the file. */
function fileReader(path: string): () => Promise<string> {
  let seen: { readonly version: string; readonly text: string } | undefined;
  const looks = createSingleFlight<'file', string>();
  const look = async (): Promise<string> => {
    const version = await versionOf(path);
    if (seen?.version !== version) seen = { version, text: await read(path) };
    return seen.text;
  };
  return () => looks.run('file', look);
}

/** Bytes: more users and rules than any registry has. */
const largest = 64 * 1024 * 1024;

async function versionOf(path: string): Promise<string> {
  const seen = await readable(path, stat(path));
  // The read of a pipe without a writer would never end, and a second read of a pipe returns nothing.
  if (!seen.isFile() && !seen.isDirectory()) {
    throw wrong(
      `cannot read ${path}: a regular file is needed, since gantry reads it again after each change`,
    );
  }
  if (seen.size > largest) throw wrong(`cannot read ${path}: ${seen.size} bytes, more than ${largest}`);
  const { mtimeMs, ctimeMs, size, ino } = seen;
  return [mtimeMs, ctimeMs, size, ino].join(' ');
}

function read(path: string): Promise<string> {
  return readable(path, readFile(path, 'utf8'));
}

async function readable<T>(path: string, task: Promise<T>): Promise<T> {
  try {
    return await task;
  } catch (cause) {
    const why = await said(path, cause);
    throw new InputError('INVALID_OPTION', `cannot read ${why}`, { cause });
  }
}

/** Returns the path and the reason in words. */
async function said(path: string, cause: unknown): Promise<string> {
  const { onDisk } = await import('../../files/files.ts');
  return onDisk(path, () => Promise.reject(cause)).catch((error: unknown) =>
    error instanceof Error ? error.message : path,
  );
}

function wrong(message: string): InputError {
  return new InputError('INVALID_OPTION', message);
}
