import { collect } from '../../src/flow/collect.ts';
import { digestOf } from '../../src/flow/hash.ts';
import { parseManifest } from '../../src/json/manifest.ts';
import { createMemoryRegistry } from '../../src/memory/registry.ts';
import { createRemoteRegistry } from '../../src/remote/registry.ts';
import { createApp } from '../../src/server/app.ts';
import type { Descriptor } from '../../src/spec/descriptor.ts';
import type { Digest } from '../../src/spec/digest.ts';
import type { Registry, Repository } from '../../src/store/contract.ts';
import { listOf } from '../../src/testing/contract/sample.ts';
import type { Clock } from '../../src/time/clock.ts';
import type { HttpRequest, HttpResponse, Middleware, Send } from '../../src/wire/message.ts';
import { answer, errorAnswer, referrersAnswer } from '../../src/wire/reply.ts';

/** A registry behind the protocol, with the requests to it. */
export interface Behind {
  /** The repository as the client sees it. */
  readonly repository: Repository;
  /** Returns another repository of the same registry. The client remembers the registry's capabilities. */
  other(name: string): Repository;
  /** Returns the repository of a new client without that knowledge. */
  stranger(): Repository;
  /** The place itself. */
  readonly place: Repository;
  readonly asked: string[];
  readonly warnings: readonly string[];
  /** Returns the number of requests like this: `GET referrers`, `PUT manifests/sha256-`. */
  count(request: string): number;
}

/** Waits that end at once, in the order in which they began. */
export const hasty: Clock = {
  now: () => 0,
  after(_, wake) {
    const soon = setImmediate(wake);
    return () => clearImmediate(soon);
  },
};

export const repositoryName = 'acme/app';

/** Starts an embedded registry with habits. The first habit is nearest to the client. */
export function behind(...habits: readonly Middleware[]): Behind {
  const registry: Registry = createMemoryRegistry();
  const asked: string[] = [];
  const warnings: string[] = [];
  const noted: Middleware = (next) => (request) => {
    asked.push(`${request.method} ${request.url.slice(`http://registry.test/v2/`.length)}`);
    return next(request);
  };
  const send = [noted, ...habits].reduceRight<Send>((next, habit) => habit(next), createApp(registry));
  const client = () =>
    createRemoteRegistry({
      base: 'http://registry.test',
      send,
      onWarning: (text) => warnings.push(text),
      download: { retry: { clock: hasty, random: () => 0.5 } },
    });
  const first = client();
  return {
    repository: first.repository(repositoryName),
    other: (name) => first.repository(name),
    stranger: () => client().repository(repositoryName),
    place: registry.repository(repositoryName),
    asked,
    warnings,
    count: (request) => {
      const [method = '', part = ''] = request.split(' ');
      return asked.filter((line) => line.startsWith(`${method} `) && line.includes(part)).length;
    },
  };
}

export function isReferrers({ url }: HttpRequest): boolean {
  return /\/referrers\/[^/]+$/.test(url);
}

/** Returns whether a request is a PUT or GET of a fallback tag. */
export function isList({ url }: HttpRequest): boolean {
  return /\/manifests\/sha256-[0-9a-f]{64}$/.test(url);
}

/** Makes a registry that knows no subjects. `refuse` answers requests to the referrers API. */
export function withoutApi(
  refuse: () => HttpResponse = () => answer(404, { 'content-type': ['text/plain'] }, text('404 not found')),
): Middleware {
  return (next) => async (request) => {
    if (isReferrers(request)) return refuse();
    const response = await next(request);
    const { 'oci-subject': _, ...headers } = response.headers;
    return { ...response, headers };
  };
}

/** Keeps the lists, and does not report that at a put of a referrer. */
export const silentApi: Middleware = (next) => async (request) => {
  const response = await next(request);
  const { 'oci-subject': _, ...headers } = response.headers;
  return { ...response, headers };
};

/** Reads `sha256-…` as a digest, unless `tagFirst` is set and such a tag exists. */
export function dashIsDigest({ tagFirst = false }: { readonly tagFirst?: boolean } = {}): Middleware {
  return (next) => async (request) => {
    if (!isList(request) || request.method === 'PUT') return next(request);
    const url = request.url.replace(/sha256-([0-9a-f]{64})$/, 'sha256:$1');
    const tagged = tagFirst ? await next(request) : undefined;
    return tagged?.status === 200 ? tagged : next({ ...request, url });
  };
}

export const webPage = (): HttpResponse =>
  answer(200, { 'content-type': ['text/html'] }, text('<html>Sign in</html>'));

export const unknownName = (): HttpResponse => errorAnswer('NAME_UNKNOWN', 'repository name not known');

/** Links page to page with one entry on each, and filters nothing. */
export const pagedByOne: Middleware = (next) => async (request) => {
  if (!isReferrers({ ...request, url: request.url.replace(/\?.*$/, '') })) return next(request);
  const [url = '', query = ''] = request.url.split('?');
  const at = Number(new URLSearchParams(query).get('page') ?? 0);
  const entries = await entriesOf(await next({ ...request, url }));
  const more = at + 1 < entries.length ? { link: [`<?page=${at + 1}>; rel="next"`] } : {};
  const page = referrersAnswer(entries.slice(at, at + 1), { filtered: false });
  return { ...page, headers: { ...page.headers, ...more } };
};

async function entriesOf({ body }: HttpResponse): Promise<readonly Descriptor[]> {
  const bytes = await collect(body, { limit: 1_000_000, what: 'referrers' });
  const index = parseManifest(bytes, { digest: anyDigest });
  return index.body.kind === 'index' ? index.body.manifests : [];
}

const anyDigest = digestOf(new Uint8Array());

export function text(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}

/** Returns the referrers in the order of their digests. */
export async function referrersOf(
  repository: Repository,
  subject: Descriptor,
  options: { readonly artifactType?: string } = {},
): Promise<readonly Digest[]> {
  return (await listOf(repository.referrers(subject.digest, options))).map(({ digest }) => digest).sort();
}
