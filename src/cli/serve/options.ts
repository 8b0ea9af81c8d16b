import type { Option } from '../command.ts';

/** The options of `gantry serve`. */
export const serveOptions: readonly Option[] = [
  { name: 'address', value: 'ADDRESS', summary: 'host:port, or :port for every address of this machine' },
  { name: 'disk', value: 'DIR', summary: 'keep what is pushed in this folder' },
  {
    name: 'session-ttl',
    value: 'TIME',
    summary: 'with --disk: after which an upload nobody goes on with is forgotten (24h)',
  },
  {
    name: 'proxy',
    value: 'REGISTRY',
    valueKind: 'registry',
    summary: 'be a cache of this registry, and keep what is pulled',
  },
  {
    name: 'proxy-ttl',
    value: 'SECONDS',
    summary: 'how long a tag is not asked for again there (0: it always is)',
  },
  { name: 'htpasswd', value: 'FILE', summary: 'who can log in: lines of user:hash, hashes by bcrypt' },
  { name: 'rules', value: 'FILE', summary: 'who may do what in which repositories, as YAML' },
  { name: 'anonymous', summary: 'let everybody in, also from other machines' },
  {
    name: 'public-url',
    value: 'URL',
    summary: 'the address that clients use, behind a proxy or in a container',
  },
  { name: 'tls-cert', value: 'FILE', summary: 'serve over TLS with this certificate and its chain, as PEM' },
  { name: 'tls-key', value: 'FILE', summary: 'the key of the certificate, as PEM' },
  { name: 'strict', summary: 'refuse an image whose blobs are not there yet' },
  {
    name: 'log',
    value: 'FILE',
    summary: 'a line of JSON for each request; - for stdout, SIGHUP opens FILE again',
  },
  { name: 'metrics', summary: 'counts for Prometheus at /metrics' },
  { name: 'grace', value: 'SECONDS', summary: 'how long requests may go on when it is told to stop (30)' },
  { name: 'read-only', summary: 'refuse everything that changes something' },
  { name: 'no-delete', summary: 'refuse to delete tags, manifests and blobs' },
  {
    name: 'host-name',
    value: 'NAME',
    repeatable: true,
    summary: 'a name it is reached under beside localhost, addresses and its own',
  },
  { name: 'max-manifest', value: 'BYTES', summary: 'the longest manifest (4M, and no more than that)' },
  { name: 'max-blob', value: 'BYTES', summary: 'the largest blob, as in 10G (no limit)' },
  { name: 'max-header', value: 'BYTES', summary: 'the longest head of a request (128K)' },
  { name: 'max-connections', value: 'N', summary: 'connections at once (4000)' },
  { name: 'max-sessions', value: 'N', summary: 'uploads that are open at once (10000)' },
  { name: 'max-repository-sessions', value: 'N', summary: 'the same in one repository (1000)' },
  { name: 'max-page', value: 'N', summary: 'names in one page of a listing (1000)' },
  { name: 'max-tags', value: 'N', summary: 'tags that one request may set (100)' },
  {
    name: 'session-idle',
    value: 'SECONDS',
    summary: 'after which an upload nobody works at gives up its place (3600)',
  },
  { name: 'request-idle', value: 'SECONDS', summary: 'how long a client may send nothing of a body (60)' },
  { name: 'answer-idle', value: 'SECONDS', summary: 'how long a client may take nothing of an answer (60)' },
];
