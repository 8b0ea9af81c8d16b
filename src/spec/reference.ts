import { type InputCode, InputError } from '../errors.ts';
import { type Digest, isDigest } from './digest.ts';
import { dockerHub, dockerHubHost, withoutHubAlias } from './docker-hub.ts';
import {
  checkArgument,
  checkOptions,
  either,
  flag,
  given,
  having,
  oneOf,
  type Shape,
  text as words,
} from './options.ts';
import { parseUrl } from './url.ts';

/** Names a repository and in it a tag, a digest or both; with both, the digest decides. All defaults are filled in. */
export interface Reference {
  /** Such as `docker.io`, `localhost:5000` or `[::1]:5000`, in lower case. Docker Hub is always `docker.io`. */
  readonly registry: string;
  /** The name inside the registry, such as `library/alpine`. */
  readonly repository: string;
  /** The tag, without its colon. */
  readonly tag?: string;
  /** The digest of the manifest. */
  readonly digest?: Digest;
  /**
   * The scheme, if the text began with one: `https` forces TLS on a loopback registry, `http` asks for plain HTTP
   * elsewhere.
   */
  readonly scheme?: Scheme;
}

/** How to connect to a registry. */
export type Scheme = 'http' | 'https';

/** Settings for parsing a reference. */
export interface ReferenceOptions {
  /**
   * Requires the registry, `library/` on Docker Hub, and the tag or digest in the text.
   * @defaultValue false
   */
  readonly strict?: boolean | undefined;
  /**
   * The registry of a reference without one.
   * @defaultValue 'docker.io'
   */
  readonly defaultRegistry?: string | undefined;
  /**
   * The tag of a reference without tag and digest; `null` adds none.
   * @defaultValue 'latest'
   */
  readonly defaultTag?: string | null | undefined;
}

const aReference = having('a reference, as parseReference gives it', 'registry', 'repository');
const shape: Shape<ReferenceOptions> = {
  strict: flag,
  defaultRegistry: words,
  defaultTag: either('a string or null', words, oneOf(null)),
};

/** The length of registry, slash and repository together that all clients accept. */
const maxLength = 255;
const path = /^[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*$/;
const tagGrammar = /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/;
const domain = /^[a-z0-9]+(?:-+[a-z0-9]+)*(?:\.[a-z0-9]+(?:-+[a-z0-9]+)*)*$/;
const bracketed = /^\[[0-9a-f:]+\]$/;

/**
 * Parses `[http(s)://][registry/]repository[:tag][@digest]` as docker does.
 * @throws INVALID_OPTION when an option has a wrong type or a malformed default
 * @throws NAME_INVALID when the repository is in upper case or the name is too long
 * @throws INVALID_DIGEST when the text after the `@` is no digest
 * @throws INVALID_REFERENCE for any other malformed text
 * @see https://github.com/distribution/reference/blob/v0.6.0/reference.go
 */
export function parseReference(text: string, options: ReferenceOptions = {}): Reference {
  checkArgument('parseReference', 'text', text, words);
  checkOptions('parseReference', options, shape);
  const { strict = false, defaultTag = 'latest' } = options;
  const { name, tag, digest } = splitIdentifier(text);
  const place = parseName(name, text, options);
  if (tag !== undefined || digest !== undefined) {
    return { ...place, ...given({ tag, digest }) };
  }
  if (strict) throw refusal('INVALID_REFERENCE', text, 'needs a tag or a digest');
  if (defaultTag === null) return place;
  if (!isTag(defaultTag)) throw new InputError('INVALID_OPTION', `default tag "${defaultTag}" is not a tag`);
  return { ...place, tag: defaultTag };
}

/**
 * Parses the name of a repository, as `parseReference` does.
 * @throws INVALID_REFERENCE also when the text has a tag or a digest
 */
export function parseRepository(text: string, options: Omit<ReferenceOptions, 'defaultTag'> = {}): Reference {
  const { name, tag, digest } = splitIdentifier(text);
  if (tag !== undefined || digest !== undefined) {
    const isHost = digest === undefined && /^[^/]*:\d{1,5}$/.test(text);
    if (isHost)
      throw refusal(
        'INVALID_REFERENCE',
        text,
        'is a registry, and a repository in it is needed: HOST:PORT/NAME',
      );
    throw refusal(
      'INVALID_REFERENCE',
      text,
      `names a repository, so it can't have a ${tag === undefined ? 'digest' : 'tag'}`,
    );
  }
  return parseName(name, text, options);
}

/**
 * Parses `[http(s)://]host[:port][/]`.
 * @throws INVALID_REFERENCE when the text names no registry
 */
export function parseRegistry(text: string): Pick<Reference, 'registry' | 'scheme'> {
  const { scheme, rest } = splitScheme(text);
  const host = rest.endsWith('/') ? rest.slice(0, -1) : rest;
  const registry = canonicalRegistry(host, scheme);
  if (registry === undefined) {
    const safe = text.slice(text.lastIndexOf('@') + 1);
    throw refusal('INVALID_REFERENCE', safe, 'is not the name of a registry');
  }
  return scheme === undefined ? { registry } : { registry, scheme };
}

/** Formats `[scheme://]registry/repository[:tag][@digest]`, which parses to the same reference. */
export function formatReference(reference: Reference): string {
  checkArgument('formatReference', 'reference', reference, aReference);
  const { tag, digest, scheme } = reference;
  return `${scheme === undefined ? '' : `${scheme}://`}${formatRepository(reference)}${tag === undefined ? '' : `:${tag}`}${digest === undefined ? '' : `@${digest}`}`;
}

/** Formats `registry/repository`. */
export function formatRepository({
  registry,
  repository,
}: Pick<Reference, 'registry' | 'repository'>): string {
  return `${registry}/${repository}`;
}

/** @see https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pulling-manifests */
export function isRepositoryName(text: string): boolean {
  return text.length <= maxLength && path.test(text);
}

export function isTag(text: string): boolean {
  return tagGrammar.test(text);
}

/** Returns the host that serves the API of a registry. Docker Hub's API is not at `docker.io`. */
export function apiHost(registry: string): string {
  return registry === dockerHub ? dockerHubHost : registry;
}

/** True if the name itself means this machine, without a DNS lookup, so that plain HTTP never leaves it. */
export function isLoopback(registry: string): boolean {
  const { host } = splitPort(registry);
  return (
    host === 'localhost' ||
    host.endsWith('.localhost') ||
    host === '[::1]' ||
    /^127(?:\.\d{1,3}){3}$/.test(host)
  );
}

function splitIdentifier(text: string): {
  readonly name: string;
  readonly tag: string | undefined;
  readonly digest: Digest | undefined;
} {
  const at = text.indexOf('@');
  const tagged = at < 0 ? text : text.slice(0, at);
  const digest = at < 0 ? undefined : text.slice(at + 1);
  if (digest !== undefined && !isDigest(digest)) {
    throw refusal('INVALID_DIGEST', text, 'has a malformed digest after the "@"');
  }
  const colon = tagged.lastIndexOf(':');
  // A colon before the last slash belongs to a port, a scheme or an IPv6 address.
  const tag = colon > tagged.lastIndexOf('/') ? tagged.slice(colon + 1) : undefined;
  if (tag !== undefined && !isTag(tag)) throw refusal('INVALID_REFERENCE', text, 'has a malformed tag');
  return { name: tag === undefined ? tagged : tagged.slice(0, colon), tag, digest };
}

function parseName(
  name: string,
  text: string,
  { strict = false, defaultRegistry }: ReferenceOptions,
): Reference {
  const { scheme, rest } = splitScheme(name);
  const { host, remainder } = splitHost(rest, scheme);
  if (host === undefined && strict) throw refusal('INVALID_REFERENCE', text, 'needs a registry');
  const registry =
    host === undefined
      ? parseRegistry(defaultRegistry ?? dockerHub).registry
      : canonicalRegistry(host, scheme ?? schemeBySpelling(host));
  if (registry === undefined)
    throw refusal('INVALID_REFERENCE', text, `names no registry that could exist before the first "/"`);
  const official = registry === dockerHub && !remainder.includes('/');
  if (official && strict)
    throw refusal('INVALID_REFERENCE', text, 'needs "library/" before the name of an official image');
  const repository = official ? `library/${remainder}` : remainder;
  checkRepository(repository, registry, text);
  // As in docker, which would take it for an image id.
  if (host === undefined && /^[0-9a-f]{64}$/.test(rest)) {
    throw refusal('INVALID_REFERENCE', text, 'is an image id, not a name');
  }
  return given({ registry, repository, scheme });
}

function checkRepository(repository: string, registry: string, text: string): void {
  if (formatRepository({ registry, repository }).length > maxLength) {
    throw refusal(
      'NAME_INVALID',
      text,
      `is too long: registry and repository take more than ${maxLength} characters`,
    );
  }
  if (isRepositoryName(repository)) return;
  if (isRepositoryName(repository.toLowerCase())) {
    throw refusal(
      'NAME_INVALID',
      text,
      'has upper-case letters in its repository name, which must be lower case',
    );
  }
  throw refusal('INVALID_REFERENCE', text, 'is not a reference: [registry/]repository[:tag][@digest]');
}

/**
 * Only its capital makes `Z/app` name a host, while `z/app` names none: it needs an explicit port, as after a scheme.
 */
function schemeBySpelling(host: string): Scheme | undefined {
  return isHostLike(host.toLowerCase()) ? undefined : 'https';
}

function splitScheme(text: string): { scheme?: Scheme; rest: string } {
  const rest = text.replace(/^https?:\/\//i, '');
  if (rest === text) return { rest };
  return { scheme: text[4] === ':' ? 'http' : 'https', rest };
}

/** After a scheme the first component is the host; otherwise only if it cannot be part of a repository name. */
function splitHost(rest: string, scheme: Scheme | undefined): { host?: string; remainder: string } {
  const slash = rest.indexOf('/');
  if (scheme === undefined && (slash < 0 || !isHostLike(rest.slice(0, slash)))) return { remainder: rest };
  return slash < 0
    ? { host: rest, remainder: '' }
    : { host: rest.slice(0, slash), remainder: rest.slice(slash + 1) };
}

function isHostLike(component: string): boolean {
  return component === 'localhost' || /[.:[A-Z]/.test(component);
}

function splitPort(registry: string): { host: string; port?: string } {
  const colon = registry.lastIndexOf(':');
  if (colon < 0 || colon < registry.lastIndexOf(']')) return { host: registry };
  return { host: registry.slice(0, colon), port: registry.slice(colon + 1) };
}

function canonicalRegistry(text: string, scheme: Scheme | undefined): string | undefined {
  if (text.length > maxLength) return undefined;
  const { host, port } = splitPort(text.toLowerCase());
  const url = `http://${host}/`;
  // The URL parser decides, because the request will use it too: 127.1 is 127.0.0.1.
  const hostname = domain.test(host) || bracketed.test(host) ? parseUrl(url)?.hostname : undefined;
  if (hostname === undefined) return undefined;
  if (port !== undefined) {
    const number = Number(port);
    return /^[0-9]+$/.test(port) && number > 0 && number < 65536 ? `${hostname}:${number}` : undefined;
  }
  if (withoutHubAlias(hostname) === dockerHub) return dockerHub;
  // `http://box/app` names a host that `box/app` does not, so the explicit port keeps it one.
  if (scheme !== undefined && !isHostLike(hostname)) return `${hostname}:${scheme === 'http' ? 80 : 443}`;
  return hostname;
}

function refusal(code: InputCode, text: string, problem: string): InputError {
  return new InputError(code, `"${shown(text)}" ${problem}`);
}

/** Hides a user and a password before the host: they end with an "@" that a host follows. */
function shown(text: string): string {
  const { scheme, rest } = splitScheme(text);
  const slash = rest.lastIndexOf('/');
  const before = rest.lastIndexOf('@', slash);
  const last = rest.lastIndexOf('@');
  const isHostLast = rest.indexOf('.', last) > 0 || (scheme !== undefined && slash < 0);
  const at = before < 0 && isHostLast ? last : before;
  const safe = at < 0 ? text : `…${rest.slice(at)}`;
  return safe.length > 300 ? `${safe.slice(0, 300)}…` : safe;
}
