import { type Digest, isDigest } from '../spec/digest.ts';
import { isRepositoryName, isTag } from '../spec/reference.ts';
import { wholeNumber } from './headers.ts';
import type { Operation, PageQuery } from './operation.ts';
import { decodeSession } from './target.ts';

/** A request that matches no operation, with its answer. */
export interface RouteFailure {
  readonly kind: 'failure';
  readonly status: 400 | 404 | 405 | 414;
  readonly code: string;
  readonly message: string;
  /** The methods that the resource supports, beside a 405. */
  readonly allow?: readonly string[];
}

export interface RouteOptions {
  /**
   * A request with more tags is refused with 414, as the specification requires.
   * @defaultValue no limit beside the length of the target
   */
  readonly tagParameters?: number | undefined;
}

/** A name, a digest and a session together are far shorter; a query of a hundred tags still fits. */
const maxTarget = 16 * 1024;
const noQuery = new URLSearchParams();

/**
 * Parses the raw target of a request byte by byte, since a URL parser would fold `..` and `%2e%2e` into other paths. A
 * name contains `/` and may end like an endpoint (`a/blobs/uploads`), so the path is read from the right.
 */
export function parseOperation(
  method: string,
  rawTarget: string,
  options: RouteOptions = {},
): Operation | RouteFailure {
  if (rawTarget.length > maxTarget) return failure(414, 'NAME_INVALID', 'the address is too long');
  const target = rawTarget.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i, '');
  const mark = target.indexOf('?');
  const path = (mark < 0 ? target : target.slice(0, mark)).replaceAll(/%3A/gi, ':');
  const query = mark < 0 ? noQuery : new URLSearchParams(target.slice(mark + 1));
  if (!/^[\x21-\x7e]*$/.test(path) || /[%\\#]/.test(path)) {
    return failure(400, 'NAME_INVALID', 'the path contains a character that repository names do not allow');
  }
  if (path === '/v2' || path === '/v2/') return choose(method, { GET: () => ({ kind: 'ping' }) });
  if (!path.startsWith('/v2/')) return failure(404, 'NAME_UNKNOWN', 'the registry API begins at /v2/');
  if (path === '/v2/_catalog') {
    return choose(method, { GET: () => withPage(query, (page) => ({ kind: 'catalog', ...page })) });
  }
  return parseResource(method, path.slice('/v2/'.length).split('/'), query, options);
}

function parseResource(
  method: string,
  segments: readonly string[],
  query: URLSearchParams,
  options: RouteOptions,
): Operation | RouteFailure {
  const [third, second, last = ''] = [segments.at(-3), segments.at(-2), segments.at(-1)];
  const name = (count: number): string => segments.slice(0, -count).join('/');
  if (second === 'tags' && last === 'list') return parseTags(method, name(2), query);
  if (second === 'manifests') return parseManifest(method, name(2), last, query, options);
  if (second === 'referrers') return parseReferrers(method, name(2), last, query);
  if (third === 'blobs' && second === 'uploads') {
    return last === '' ? parseStart(method, name(3), query) : parseSession(method, name(3), last, query);
  }
  if (second === 'blobs') {
    return last === 'uploads' ? parseStart(method, name(2), query) : parseBlob(method, name(2), last);
  }
  return failure(404, 'NAME_UNKNOWN', 'this path is no endpoint of the registry API');
}

function parseBlob(method: string, repository: string, text: string): Operation | RouteFailure {
  return withName(repository, () =>
    withDigestText(text, (digest) =>
      choose(method, {
        GET: () => ({ kind: 'blob.get', repository, digest }),
        HEAD: () => ({ kind: 'blob.head', repository, digest }),
        DELETE: () => ({ kind: 'blob.delete', repository, digest }),
      }),
    ),
  );
}

function parseManifest(
  method: string,
  repository: string,
  reference: string,
  query: URLSearchParams,
  { tagParameters = Number.POSITIVE_INFINITY }: RouteOptions,
): Operation | RouteFailure {
  return withName(repository, () => {
    // A colon marks a digest. Distribution answers 500 when `sha256:bad` is taken for a tag.
    if (reference.includes(':') ? !isDigest(reference) : !isTag(reference)) {
      return failure(
        400,
        reference.includes(':') ? 'DIGEST_INVALID' : 'TAG_INVALID',
        'the reference is neither a tag nor a digest',
      );
    }
    return choose(method, {
      GET: () => ({ kind: 'manifest.get', repository, reference }),
      HEAD: () => ({ kind: 'manifest.head', repository, reference }),
      DELETE: () => ({ kind: 'manifest.delete', repository, reference }),
      PUT: () => {
        const tags = query.getAll('tag');
        if (tags.length > tagParameters) {
          return failure(414, 'TAG_INVALID', `more than ${tagParameters} tag parameters in one request`);
        }
        if (!tags.every(isTag)) return failure(400, 'TAG_INVALID', 'a tag parameter is not a tag');
        return { kind: 'manifest.put', repository, reference, tags };
      },
    });
  });
}

function parseStart(method: string, repository: string, query: URLSearchParams): Operation | RouteFailure {
  return withName(repository, () =>
    choose(method, {
      POST: () => {
        const mount = query.get('mount');
        const from = query.get('from');
        const algorithm = query.get('digest-algorithm');
        if (mount !== null) {
          return withDigestText(mount, (digest) => ({
            kind: 'upload.mount',
            repository,
            digest,
            ...(from === null ? {} : { from }),
          }));
        }
        const start = {
          kind: 'upload.start',
          repository,
          ...(algorithm === null ? {} : { algorithm }),
        } as const;
        const digest = query.get('digest');
        return digest === null ? start : withDigestText(digest, (digest) => ({ ...start, digest }));
      },
    }),
  );
}

function parseSession(
  method: string,
  repository: string,
  segment: string,
  query: URLSearchParams,
): Operation | RouteFailure {
  return withName(repository, () => {
    const id = decodeSession(segment);
    if (id === undefined) return failure(404, 'BLOB_UPLOAD_UNKNOWN', 'this upload session does not exist');
    const session = (kind: 'upload.status' | 'upload.append' | 'upload.commit' | 'upload.cancel') => () => {
      const text = query.get('digest');
      if (text === null) return { kind, repository, id };
      return withDigestText(text, (digest) => ({ kind, repository, id, digest }));
    };
    return choose(method, {
      GET: session('upload.status'),
      PATCH: session('upload.append'),
      PUT: session('upload.commit'),
      DELETE: session('upload.cancel'),
    });
  });
}

function parseTags(method: string, repository: string, query: URLSearchParams): Operation | RouteFailure {
  return withName(repository, () =>
    choose(method, { GET: () => withPage(query, (page) => ({ kind: 'tags.list', repository, ...page })) }),
  );
}

function parseReferrers(
  method: string,
  repository: string,
  text: string,
  query: URLSearchParams,
): Operation | RouteFailure {
  const artifactType = query.get('artifactType');
  const last = query.get('last');
  return withName(repository, () =>
    withDigestText(text, (digest) =>
      choose(method, {
        GET: () => ({
          kind: 'referrers',
          repository,
          digest,
          ...(artifactType === null ? {} : { artifactType }),
          ...(last === null ? {} : { last }),
        }),
      }),
    ),
  );
}

type Choice = () => Operation | RouteFailure;

/** Selects the operation of a method. A HEAD is a GET without its body, which the server leaves out. */
function choose(method: string, choices: Readonly<Record<string, Choice>>): Operation | RouteFailure {
  const choice = Object.hasOwn(choices, method) ? choices[method] : undefined;
  if (choice !== undefined) return choice();
  if (method === 'HEAD' && choices['GET'] !== undefined) return choices['GET']();
  const allow = Object.keys(choices).flatMap((name) => (name === 'GET' ? ['GET', 'HEAD'] : [name]));
  return {
    ...failure(405, 'UNSUPPORTED', 'this path does not support the method'),
    allow: [...new Set(allow)],
  };
}

function withName(repository: string, choice: Choice): Operation | RouteFailure {
  return isRepositoryName(repository)
    ? choice()
    : failure(400, 'NAME_INVALID', 'the path contains no valid repository name');
}

function withDigestText(
  text: string,
  choice: (digest: Digest) => Operation | RouteFailure,
): Operation | RouteFailure {
  return isDigest(text)
    ? choice(text)
    : failure(400, 'DIGEST_INVALID', 'the address contains a malformed digest');
}

function withPage(
  query: URLSearchParams,
  choice: (page: PageQuery) => Operation | RouteFailure,
): Operation | RouteFailure {
  const text = query.get('n');
  const n = wholeNumber(text ?? undefined);
  if (text !== null && n === undefined) {
    return failure(400, 'PAGINATION_NUMBER_INVALID', 'n must be a whole number and not negative');
  }
  const last = query.get('last');
  return choice({ ...(n === undefined ? {} : { n }), ...(last === null ? {} : { last }) });
}

function failure(status: RouteFailure['status'], code: string, message: string): RouteFailure {
  return { kind: 'failure', status, code, message };
}
