import type { UnpackLimits } from '../flow/compression.ts';
import { retryOption, retryShape } from '../http/backoff.ts';
import { proxyOption } from '../http/node/proxy.ts';
import { tlsOption } from '../http/node/tls.ts';
import { aCredential } from '../keychain/credential.ts';
import { uploadShape } from '../remote/options.ts';
import {
  amount,
  arrayOf,
  type Check,
  callback,
  checkArgument,
  checkOptions,
  count,
  either,
  flag,
  object,
  oneOf,
  optionsOf,
  rate,
  type Shape,
  signal,
  text,
} from '../spec/options.ts';
import { aPlatform } from '../spec/platform.ts';
import { aLayer, aManifest, aView } from '../store/checks.ts';
import type { ListOptions, SignalOptions } from '../store/contract.ts';
import type { ClientRetryOptions, ConnectionOptions, ConnectionTimeouts } from './connection-options.ts';
import type { CopyPlaceOptions, TransferOptions } from './copy.ts';
import {
  appendIndexShape,
  appendShape,
  buildShape,
  convertShape,
  editIndexShape,
  editManifestShape,
  editShape,
  flattenShape,
  listIndexShape,
  placeOption,
  rebaseShape,
} from './edit-options.ts';
import type { DeleteOptions, PruneOptions } from './prune.ts';
import type { PullOptions } from './pull.ts';
import type { PushOptions } from './push.ts';
import type { ReadOptions } from './read.ts';
import type { ListReferrersOptions } from './referrers.ts';
import { attestationsShape, attestShape, signShape, verifyShape } from './sign-options.ts';
import type { TokenOptions } from './token.ts';
import type { ValidateOptions } from './validate.ts';
import type { WriteLayerOptions } from './write.ts';

const timeouts: Shape<ConnectionTimeouts> = {
  connect: amount,
  answer: amount,
  progress: amount,
  clock: object,
};

const retry: Shape<ClientRetryOptions> = { ...retryShape, uploads: retryOption, downloads: retryOption };
const { retry: _, ...upload } = uploadShape;

/** The shape of `ConnectionOptions`. */
export const connection: Shape<ConnectionOptions> = {
  keychain: callback,
  transport: either('a transport or a function that sends', callback, object),
  tls: tlsOption,
  proxy: proxyOption,
  headers: object,
  trustedRealms: arrayOf(text),
  retry: optionsOf(retry),
  upload: optionsOf(upload),
  rootNotes: object,
  bandwidth: rate,
  timeouts: optionsOf(timeouts),
  userAgent: text,
  insecure: either('true, false or a list of registries', flag, arrayOf(text)),
  onWire: callback,
  onWarning: callback,
  daemonHost: text,
  standard: object,
};

const plain: Shape<SignalOptions> = { signal };
const read: Shape<ReadOptions> = { ...plain, platform: aPlatform };
const transfer: Shape<TransferOptions> = {
  ...plain,
  platforms: arrayOf(aPlatform),
  sparse: flag,
  referrers: flag,
  repair: flag,
  jobs: count,
  nondistributable: flag,
  admit: callback,
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
  ...uploadShape,
  repository: text,
  layer: aLayer,
  onProgress: callback,
};
const unpack: Shape<UnpackLimits> = { bytes: amount, ratio: amount, free: amount };
const validate: Shape<ValidateOptions> = {
  ...plain,
  fast: flag,
  unpack: optionsOf(unpack),
  platforms: arrayOf(aPlatform),
  onEvent: callback,
};
const deleting: Shape<DeleteOptions> = { ...plain, dryRun: flag };
const prune: Shape<PruneOptions> = {
  ...deleting,
  match: either('a string or a list of strings', text, arrayOf(text)),
  olderThan: amount,
  keep: either('a whole number from 0', oneOf(0), count),
};
const token: Shape<TokenOptions> = { ...plain, push: flag, mountFrom: arrayOf(text) };

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
  | 'exportImage'
  | 'listFiles'
  | 'readFile'
  | 'unpack'
  | 'diff'
  | 'push'
  | 'pull'
  | 'copy'
  | 'copyRepository'
  | 'pushImage'
  | 'pushIndex'
  | 'writeLayer'
  | 'edit'
  | 'append'
  | 'flatten'
  | 'rebase'
  | 'convert'
  | 'editManifest'
  | 'editIndex'
  | 'appendIndex'
  | 'listIndex'
  | 'build'
  | 'verify'
  | 'sign'
  | 'attest'
  | 'attestations'
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
  exportImage: read,
  listFiles: read,
  readFile: read,
  unpack: { ...read, sameOwner: flag },
  diff: read,
  push,
  pull,
  copy,
  copyRepository: copy,
  pushImage: transfer,
  pushIndex: transfer,
  writeLayer,
  edit: editShape,
  append: appendShape,
  flatten: flattenShape,
  rebase: rebaseShape,
  convert: convertShape,
  editManifest: editManifestShape,
  editIndex: editIndexShape,
  appendIndex: appendIndexShape,
  listIndex: listIndexShape,
  build: buildShape,
  verify: verifyShape,
  sign: signShape,
  attest: attestShape,
  attestations: attestationsShape,
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

const requiredOptions: ReadonlyMap<Verb, readonly string[]> = new Map([
  ['writeLayer', ['repository', 'layer']],
  ['build', ['to']],
  ['sign', ['signer']],
  ['attest', ['signer', 'predicate', 'type']],
]);

/**
 * Checks the options of a verb before any request.
 * @throws INVALID_OPTION when an option is unknown or of another type
 */
export function checkVerbOptions(verb: Verb, options: unknown): void {
  const required = requiredOptions.get(verb) ?? [];
  // A deletion needs an explicit selection.
  if (verb === 'prune' && options === undefined) checkArgument(verb, 'options', options, object);
  checkOptions<Readonly<Record<string, unknown>>>(verb, options, shapes[verb], required);
}

const names = either('a string or a list of strings', text, arrayOf(text));
/** The checks of positional arguments, by name. */
const named: Readonly<Record<string, Check>> = {
  place: placeOption,
  subject: placeOption,
  before: placeOption,
  after: placeOption,
  reference: placeOption,
  source: placeOption,
  destination: placeOption,
  path: placeOption,
  image: aView,
  images: arrayOf(either('a place, an image or an index', placeOption, aView)),
  index: aView,
  manifest: aManifest,
  change: callback,
  layers: arrayOf(either('a layer or a path', text, aLayer)),
  credential: aCredential,
  references: arrayOf(placeOption),
  tags: names,
};
/** Arguments of the same name that take only strings: names of repositories, and paths of files. */
const onlyText: ReadonlySet<string> = new Set([
  'copyRepository source',
  'copyRepository destination',
  'pull path',
  'readFile path',
]);

/**
 * Checks the positional arguments of a verb. An argument without a check of its own takes a string.
 * @throws INVALID_OPTION when an argument is missing or of another type
 */
export function checkArguments(verb: string, values: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(values)) {
    const check = onlyText.has(`${verb} ${name}`) ? text : (named[name] ?? text);
    checkArgument(verb, name, value, check);
  }
}
