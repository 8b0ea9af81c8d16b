import { InputError } from '../errors.ts';
import type { UnpackLimits } from '../flow/compression.ts';
import type { RetryOptions } from '../http/backoff.ts';
import type { TlsOptions } from '../http/tls.ts';
import type { DownloadOptions } from '../remote/exchange.ts';
import type { UploadOptions } from '../remote/upload/plan.ts';
import {
  amount,
  type Check,
  callback,
  checkOptions,
  count,
  either,
  flag,
  listOf,
  object,
  oneOf,
  optionsOf,
  type Shape,
  signal,
  taking,
  text,
} from '../spec/options.ts';
import { parsePlatform } from '../spec/platform.ts';
import type { ListOptions, SignalOptions } from '../store/contract.ts';
import type { ConnectionOptions, ConnectionTimeouts } from './connections.ts';
import type { CopyPlaceOptions, TransferOptions } from './copy.ts';
import type { DeleteOptions, PruneOptions } from './prune.ts';
import type { PullOptions } from './pull.ts';
import type { PushOptions } from './push.ts';
import type { ReadOptions } from './read.ts';
import type { ListReferrersOptions } from './referrers.ts';
import type { TokenOptions } from './token.ts';
import type { ValidateOptions } from './validate.ts';
import type { WriteLayerOptions } from './write.ts';

/** As in `linux/arm64/v8`, or an object with at least these two. */
function platform(value: unknown, name: string): void {
  if (typeof value === 'string') parsePlatform(value);
  else platformObject(value, name);
}
const platformObject = taking(
  'a platform, such as "linux/amd64" or { os, architecture }',
  (value) =>
    typeof value === 'object' &&
    value !== null &&
    'os' in value &&
    typeof value.os === 'string' &&
    'architecture' in value &&
    typeof value.architecture === 'string',
);

const retry: Shape<RetryOptions> = {
  attempts: count,
  initial: amount,
  factor: amount,
  cap: amount,
  jitter: amount,
  statuses: listOf(count),
  retryable: callback,
  onRetry: callback,
  clock: object,
  random: callback,
};
const upload: Shape<UploadOptions> = {
  retry: optionsOf(retry),
  chunkSize: count,
  chunkThreshold: amount,
  sendMediaType: flag,
  mountOrigin: text,
};
const download: Shape<DownloadOptions> = { retry: optionsOf(retry) };
const timeouts: Shape<ConnectionTimeouts> = {
  connect: amount,
  answer: amount,
  progress: amount,
  clock: object,
};
const certificate = either('PEM text', text, object);
const tls: Shape<TlsOptions> = {
  ca: either('PEM text or a list of such', certificate, listOf(certificate)),
  cert: certificate,
  key: certificate,
  rejectUnauthorized: flag,
};

/** The way to registries, as `createClient` takes it. */
export const connection: Shape<ConnectionOptions> = {
  keychain: callback,
  transport: either('a transport or a function that sends', callback, object),
  tls: (value, name) => (typeof value === 'function' ? undefined : optionsOf(tls)(value, name)),
  proxy: either('a URL, false or a function', text, callback, oneOf(false)),
  headers: object,
  trustedRealms: listOf(text),
  retry: optionsOf(retry),
  upload: optionsOf(upload),
  download: optionsOf(download),
  timeouts: optionsOf(timeouts),
  userAgent: text,
  insecure: either('true, false or a list of registries', flag, listOf(text)),
  onWire: callback,
  standard: object,
};

const plain: Shape<SignalOptions> = { signal };
const read: Shape<ReadOptions> = { ...plain, platform };
const transfer: Shape<TransferOptions> = {
  ...plain,
  platforms: listOf(platform),
  sparse: flag,
  referrers: flag,
  repair: flag,
  jobs: count,
  nondistributable: flag,
  onEvent: callback,
};
const copy: Shape<CopyPlaceOptions> = {
  ...transfer,
  noClobber: flag,
  replace: flag,
  noWait: flag,
  onWait: callback,
};
const list: Shape<ListOptions> = { ...plain, after: text, pageSize: count };
const referrers: Shape<ListReferrersOptions> = { ...read, artifactType: text };

const push: Shape<PushOptions> = { ...transfer, index: flag };
const pull: Shape<PullOptions> = {
  ...transfer,
  format: oneOf('tarball', 'legacy', 'oci'),
  annotateRef: flag,
  cachePath: text,
  noWait: flag,
  onWait: callback,
};
const writeLayer: Shape<WriteLayerOptions> = {
  ...plain,
  ...upload,
  repository: text,
  layer: object,
  onProgress: callback,
};
const unpack: Shape<UnpackLimits> = { bytes: amount, ratio: amount, free: amount };
const validate: Shape<ValidateOptions> = {
  ...plain,
  fast: flag,
  unpack: optionsOf(unpack),
  platforms: listOf(platform),
  onEvent: callback,
};
const deleting: Shape<DeleteOptions> = { ...plain, dryRun: flag };
const prune: Shape<PruneOptions> = {
  ...deleting,
  match: either('a string or a list of strings', text, listOf(text)),
  olderThan: amount,
  keep: either('a whole number from 0', oneOf(0), count),
};
const token: Shape<TokenOptions> = { ...plain, push: flag, mountFrom: listOf(text) };

/** A verb of the client that takes options. */
export type Verb =
  | 'inspect'
  | 'getImage'
  | 'getIndex'
  | 'getDescriptor'
  | 'getManifest'
  | 'getRawManifest'
  | 'getConfig'
  | 'exists'
  | 'blobExists'
  | 'push'
  | 'pull'
  | 'copy'
  | 'copyRepository'
  | 'pushImage'
  | 'pushIndex'
  | 'writeLayer'
  | 'tag'
  | 'putManifest'
  | 'delete'
  | 'deleteEach'
  | 'prune'
  | 'referrers'
  | 'referrerTree'
  | 'tags'
  | 'catalog'
  | 'validate'
  | 'token'
  | 'checkLogin';

const shapes: Readonly<Record<Verb, Readonly<Record<string, Check>>>> = {
  inspect: read,
  getImage: read,
  getIndex: plain,
  getDescriptor: read,
  getManifest: read,
  getRawManifest: read,
  getConfig: read,
  exists: plain,
  blobExists: plain,
  push,
  pull,
  copy,
  copyRepository: copy,
  pushImage: transfer,
  pushIndex: transfer,
  writeLayer,
  tag: plain,
  putManifest: plain,
  delete: plain,
  deleteEach: deleting,
  prune,
  referrers,
  referrerTree: referrers,
  tags: list,
  catalog: list,
  validate,
  token,
  checkLogin: plain,
};

/** Throws INVALID_OPTION for options of a verb that there are not, or of another type, before anything is sent. */
export function checkVerbOptions(verb: Verb, options: unknown): void {
  checkOptions<Readonly<Record<string, unknown>>>(verb, options, shapes[verb]);
}

const place = either('a string or a place', text, object);
const names = either('a string or a list of strings', text, listOf(text));
/** What stands before the options, by its name. */
const named: Readonly<Record<string, Check>> = {
  place,
  subject: place,
  image: object,
  index: object,
  manifest: object,
  credential: object,
  references: listOf(text),
  tags: names,
};

/** Throws INVALID_OPTION where an argument of a verb is not what it takes; what is not named otherwise is a string. */
export function checkArguments(verb: string, values: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(values)) {
    if (value === undefined) throw new InputError('INVALID_OPTION', `${verb}: "${name}" is missing`);
    (named[name] ?? text)(value, `${verb}: "${name}"`);
  }
}
