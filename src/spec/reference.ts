import { type InputCode, InputError } from '../errors.ts';
import { type Digest, isDigest } from './digest.ts';
import { checkOptions, either, flag, oneOf, type Shape, text as words } from './options.ts';

/** Names a repository, and in it a tag, a digest, or both (then the digest decides). Canonical and fully defaulted. */
export interface Reference {
  /** `docker.io`, `localhost:5000`, `[::1]:5000`: lower case, Docker Hub always by its short name. */
  readonly registry: string;
  readonly repository: string;
  readonly tag?: string;
  readonly digest?: Digest;
  /** Only where the text began with one: `https` forces TLS on a loopback registry, `http` asks for plain HTTP elsewhere. */
  readonly scheme?: Scheme;
}

export type Scheme = 'http' | 'https';

export interface ReferenceOptions {
  /** Nothing is filled in: registry, `library/` on Docker Hub, and tag or digest must be written out. */
  readonly strict?: boolean;
  /** Default `docker.io`. */
  readonly defaultRegistry?: string;
  /** When neither tag nor digest is given; `null` leaves the tag out. Default `latest`. */
  readonly defaultTag?: string | null;
}

const shape: Shape<ReferenceOptions> = {
  strict: flag,
  defaultRegistry: words,
  defaultTag: either('a string or null', words, oneOf(null)),
};

const dockerHub = 'docker.io';
const dockerHubAliases: ReadonlySet<string> = new Set(['index.docker.io', 'registry-1.docker.io']);

/** Of registry, slash and repository together: the length that all clients agree to. */
const maxLength = 255;
const path = /^[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*$/;
const tagGrammar = /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/;
const domain = /^[a-z0-9]+(?:-+[a-z0-9]+)*(?:\.[a-z0-9]+(?:-+[a-z0-9]+)*)*$/;
const bracketed = /^\[[0-9a-f:]+\]$/;

/**
 * Reads `[http(s)://][registry/]repository[:tag][@digest]` as docker does.
 * Throws INVALID_OPTION, NAME_INVALID for a name in upper case or too long, INVALID_DIGEST, and INVALID_REFERENCE for the rest.
 * @see https://github.com/distribution/reference/blob/v0.6.0/reference.go
 */
export function parseReference(text: string, options: ReferenceOptions = {}): Reference {
  checkOptions('parseReference', options, shape);
  const { strict = false, defaultTag = 'latest' } = options;
  const { name, tag, digest } = splitIdentifier(text);
  const place = parseName(name, text, options);
  if (tag !== undefined || digest !== undefined) {
    return { ...place, ...(tag === undefined ? {} : { tag }), ...(digest === undefined ? {} : { digest }) };
  }
  if (strict) throw refusal('INVALID_REFERENCE', text, 'needs a tag or a digest');
  if (defaultTag === null) return place;
  if (!isTag(defaultTag)) throw new InputError('INVALID_OPTION', `default tag "${defaultTag}" is not a tag`);
  return { ...place, tag: defaultTag };
}

/** Like `parseReference`, for the name of a repository: throws INVALID_REFERENCE if there is a tag or a digest. */
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

/** Reads `[http(s)://]host[:port][/]`. Throws INVALID_REFERENCE. */
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

/** `[scheme://]registry/repository[:tag][@digest]`: parses to the same reference. */
export function formatReference(reference: Reference): string {
  const { tag, digest, scheme } = reference;
  return `${scheme === undefined ? '' : `${scheme}://`}${formatRepository(reference)}${tag === undefined ? '' : `:${tag}`}${digest === undefined ? '' : `@${digest}`}`;
}

/** `registry/repository` */
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

/** Where the API of a registry answers: Docker Hub's is not at `docker.io`. */
export function apiHost(registry: string): string {
  return registry === dockerHub ? 'registry-1.docker.io' : registry;
}

/** Whether the registry is this machine by its very name (no look-up), so that plain HTTP stays on it. */
export function isLoopback(registry: string): boolean {
  const { host } = splitPort(registry);
  return (
    host === 'localhost' ||
    host.endsWith('.localhost') ||
    host === '[::1]' ||
    /^127(?:\.\d{1,3}){3}$/.test(host)
  );
}

function splitIdentifier(text: string): { name: string; tag?: string; digest?: Digest } {
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
  return {
    name: tag === undefined ? tagged : tagged.slice(0, colon),
    ...(tag === undefined ? {} : { tag }),
    ...(digest === undefined ? {} : { digest }),
  };
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
  // As docker: it would be taken for an image id.
  if (host === undefined && /^[0-9a-f]{64}$/.test(rest)) {
    throw refusal('INVALID_REFERENCE', text, 'is an image id, not a name');
  }
  return { registry, repository, ...(scheme === undefined ? {} : { scheme }) };
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

/** `Z/app` names a host by its capital alone, which `z/app` doesn't: as after a scheme, the port has to say so. */
function schemeBySpelling(host: string): Scheme | undefined {
  return isHostLike(host.toLowerCase()) ? undefined : 'https';
}

function splitScheme(text: string): { scheme?: Scheme; rest: string } {
  const rest = text.replace(/^https?:\/\//i, '');
  if (rest === text) return { rest };
  return { scheme: text[4] === ':' ? 'http' : 'https', rest };
}

/** After a scheme the first component is always the host; otherwise only if it can't be part of a repository's name. */
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
  // URL has the last word on a host, because it will have it again when a request goes out: 127.1 is 127.0.0.1.
  if (!(domain.test(host) || bracketed.test(host)) || !URL.canParse(url)) return undefined;
  const { hostname } = new URL(url);
  if (port !== undefined) {
    const number = Number(port);
    return /^[0-9]+$/.test(port) && number > 0 && number < 65536 ? `${hostname}:${number}` : undefined;
  }
  if (dockerHubAliases.has(hostname)) return dockerHub;
  // `http://box/app` names a host that `box/app` doesn't, so the port is written out to keep it one.
  if (scheme !== undefined && !isHostLike(hostname)) return `${hostname}:${scheme === 'http' ? 80 : 443}`;
  return hostname;
}

function refusal(code: InputCode, text: string, problem: string): InputError {
  return new InputError(code, `"${shown(text)}" ${problem}`);
}

/** A user and a password before the host are not shown: they end in an "@" that a host follows. */
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
