import type { ConnectionOptions } from '../client/connection-options.ts';
import { parsePlace } from '../client/place.ts';
import { InputError } from '../errors.ts';
import { readText } from '../hosts/certificates.ts';
import { dockerConfigFile, readConfigFile } from '../keychain/config-file.ts';
import { parseRegistry } from '../spec/reference.ts';
import { parseHostName } from './host-name.ts';
import { ofOption, readOption } from './of-option.ts';
import type { ParsedArgs } from './parsed-args.ts';
import { parseRate } from './rate.ts';

/**
 * Reads the flags about connections to registries.
 * @throws INVALID_OPTION or INVALID_REFERENCE for a wrong value
 * @throws NO_PERMISSION or IO_FAILED for an unreadable file
 */
export async function connectionFlags(globals: ParsedArgs, given: ParsedArgs): Promise<ConnectionOptions> {
  const timeouts = timeoutsOf(globals);
  const trustedRealms = globals
    .list('trusted-realm')
    .map((name) => readOption('trusted-realm', name, parseHostName));
  const insecure = globals.list('insecure-registry');
  for (const name of insecure) readOption('insecure-registry', name, parseRegistry);
  const limitRate = globals.text('limit-rate');
  return {
    tls: await tlsOf(globals, given),
    insecure: globals.flag('insecure') || [...insecure, ...insecureSides(given)],
    headers: await dockerHeaders(globals.list('docker-headers')),
    timeouts,
    bandwidth: limitRate === undefined ? undefined : parseRate(limitRate, 'limit-rate'),
    trustedRealms: trustedRealms.length === 0 ? undefined : trustedRealms,
  };
}

async function tlsOf(
  globals: ParsedArgs,
  given: ParsedArgs,
): Promise<Exclude<ConnectionOptions['tls'], undefined>> {
  const ca = await Promise.all(globals.list('cacert').map((path) => read('cacert', path)));
  // `sign` and `verify` have another --key.
  const [cert, key] = [globals.text('cert'), globals.text('key') ?? given.text('cert-key')];
  if ((cert === undefined) !== (key === undefined)) {
    throw new InputError('INVALID_OPTION', '--cert and --key need each other: give both');
  }
  if (cert === undefined || key === undefined) return { ca };
  return { ca, cert: await read('cert', cert), key: await read('key', key) };
}

function read(option: string, path: string): Promise<string> {
  return readText(path).catch(ofOption(option));
}

function timeoutsOf(globals: ParsedArgs): ConnectionOptions['timeouts'] {
  const seconds = globals.count('timeout');
  if (seconds === undefined) return undefined;
  if (seconds === 0) throw new InputError('INVALID_OPTION', '--timeout must be at least one second');
  const milliseconds = seconds * 1000;
  return { connect: milliseconds, answer: milliseconds, progress: milliseconds };
}

/** Returns the registries of `--src-insecure` and `--dest-insecure` in a copy. */
function insecureSides(given: ParsedArgs): readonly string[] {
  const [source = '', destination = ''] = given.arguments;
  const sides = [
    ...(given.flag('src-insecure') ? [source] : []),
    ...(given.flag('dest-insecure') ? [destination] : []),
  ];
  return sides
    .map(parsePlace)
    .flatMap((place) => (place.kind === 'registry' ? [place.reference.registry] : []));
}

/** Returns the HttpHeaders in docker's config file for the given registries only, since they may contain secrets. */
async function dockerHeaders(
  registries: readonly string[],
): Promise<Exclude<ConnectionOptions['headers'], undefined>> {
  if (registries.length === 0) return {};
  const path = dockerConfigFile({});
  const given: unknown = (await readConfigFile(path))?.document['HttpHeaders'] ?? {};
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw new InputError('INVALID_OPTION', `${path}: HttpHeaders must be an object`);
  }
  const headers = Object.fromEntries(Object.entries(given).map(([name, value]) => [name, String(value)]));
  return Object.fromEntries(
    registries.map((name) => [readOption('docker-headers', name, parseRegistry).registry, headers]),
  );
}
