import type { Option } from '../command.ts';

/** The options of `gantry serve`. */
export const serveOptions: readonly Option[] = [
  { name: 'address', value: 'ADDRESS', summary: 'host:port, or :port for every address of this machine' },
  { name: 'disk', value: 'DIR', summary: 'store pushed content in this folder' },
  {
    name: 'session-ttl',
    value: 'TIME',
    summary: 'with --disk: the time after which an abandoned upload is removed (24h)',
  },
  {
    name: 'proxy',
    value: 'REGISTRY',
    valueKind: 'registry',
    summary: 'be a cache of this registry, and keep pulled content',
  },
  {
    name: 'proxy-ttl',
    value: 'SECONDS',
    summary: 'how long a cached tag is valid without a request there (0: never)',
  },
  {
    name: 'htpasswd',
    value: 'FILE',
    summary: 'users that can log in: lines of user:hash with bcrypt hashes',
  },
  { name: 'rules', value: 'FILE', summary: 'rights of users in repositories, as YAML' },
  { name: 'anonymous', summary: 'give everybody full access, also from other machines' },
  {
    name: 'public-url',
    value: 'URL',
    summary: 'the address that clients use, behind a proxy or in a container',
  },
  { name: 'tls-cert', value: 'FILE', summary: 'serve over TLS with this certificate and its chain, as PEM' },
  { name: 'tls-key', value: 'FILE', summary: 'the key of the certificate, as PEM' },
  { name: 'strict', summary: 'refuse an image if one of its blobs is missing' },
  {
    name: 'log',
    value: 'FILE',
    summary: 'a line of JSON for each request; - for stdout, SIGHUP opens FILE again',
  },
  { name: 'metrics', summary: 'serve metrics for Prometheus at /metrics' },
  {
    name: 'grace',
    value: 'SECONDS',
    summary: 'how long open requests may continue after a stop signal (30)',
  },
  { name: 'read-only', summary: 'refuse all changes' },
  { name: 'no-delete', summary: 'refuse to delete tags, manifests and blobs' },
  {
    name: 'host-name',
    value: 'NAME',
    repeatable: true,
    summary: 'a further host name of this registry, beside localhost, addresses and its own',
  },
  { name: 'max-manifest', value: 'BYTES', summary: 'the longest manifest (4M, which is also the maximum)' },
  { name: 'max-blob', value: 'BYTES', summary: 'the largest blob, as in 10G (no limit)' },
  { name: 'max-header', value: 'BYTES', summary: 'the longest head of a request (128K)' },
  { name: 'max-connections', value: 'N', summary: 'concurrent connections (4000)' },
  { name: 'max-sessions', value: 'N', summary: 'open uploads (10000)' },
  { name: 'max-repository-sessions', value: 'N', summary: 'open uploads in one repository (1000)' },
  { name: 'max-page', value: 'N', summary: 'names in one page of a listing (1000)' },
  { name: 'max-tags', value: 'N', summary: 'tags that one request may set (100)' },
  {
    name: 'session-idle',
    value: 'SECONDS',
    summary: 'how long an idle upload keeps its place (3600)',
  },
  { name: 'request-idle', value: 'SECONDS', summary: 'how long a client may send nothing of a body (60)' },
  { name: 'answer-idle', value: 'SECONDS', summary: 'how long a client may read nothing of a response (60)' },
];
