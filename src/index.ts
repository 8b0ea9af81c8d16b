export type { ArchiveEntry } from './archive/contents.ts';
export type { ArchiveRepository, OpenArchiveOptions } from './archive/read.ts';
export { openArchive } from './archive/read.ts';
export type { CreateArchiveOptions } from './archive/write.ts';
export { createArchive } from './archive/write.ts';
export {
  type BuildImageOptions,
  type BuiltLayer,
  type BuiltView,
  buildImage,
} from './build/build-image.ts';
export type { BuildLayer, BuildSettings } from './build/options.ts';
export type { SbomForm } from './build/sbom/document.ts';
export type { AppendLayersOptions } from './client/append.ts';
export type { AppendIndexOptions, IndexImage } from './client/append-index.ts';
export type { BuildOptions, BuildResult, BuildResultLayer } from './client/build-options.ts';
export { type Client, type ClientOptions, createClient } from './client/client.ts';
export type {
  ClientRetryOptions,
  ConnectionOptions,
  ConnectionTimeouts,
} from './client/connection-options.ts';
export type { ConvertedImage, ConvertOptions } from './client/convert.ts';
export type { CopyPlaceOptions, TransferOptions } from './client/copy.ts';
export type { CopiedTag, SkippedName } from './client/copy-repository.ts';
export type { EditedImage, EditOptions, ImageChange } from './client/edit.ts';
export type { EditIndexOptions, IndexEdit } from './client/edit-index.ts';
export type { EditManifestOptions, ManifestChange } from './client/edit-manifest.ts';
export type { FlattenImagesOptions } from './client/flatten.ts';
export type { InspectedChild, Inspection } from './client/inspect.ts';
export { type LayerFile, type LayerFileOptions, layerOfTar } from './client/layers/layer-file.ts';
export { type LayerOfFolderOptions, layerOfFolder } from './client/layers/layer-of-folder.ts';
export type { LayerSource } from './client/layers/open-layers.ts';
export type { IndexListing, ListedEntry, ListIndexOptions } from './client/list-index.ts';
export type { LoginCheck } from './client/login.ts';
export type { WaitOptions } from './client/open.ts';
export type { ArchivePlace, DaemonPlace, LayoutPlace, RegistryPlace } from './client/place.ts';
export { type Place, parsePlace } from './client/place.ts';
export type { DeleteOptions, Deletion, PruneOptions } from './client/prune.ts';
export type { PullFormat, PullOptions } from './client/pull.ts';
export type { PushOptions } from './client/push.ts';
export type { ReadOptions } from './client/read.ts';
export type { RebaseOptions } from './client/rebase.ts';
export type { ListReferrersOptions, ReferrerNode, ReferrerTree } from './client/referrers.ts';
export {
  type ConnectedRegistry,
  type ConnectedRemoteOptions,
  createRemoteRegistry,
} from './client/remote-registry.ts';
export { createRootNotes } from './client/root-notes.ts';
export type { AttestOptions, SignOptions } from './client/sign.ts';
export type { SignaturePlaceOptions } from './client/signing-place.ts';
export type { StandardStreams } from './client/standard.ts';
export type { TokenOptions, TokenReply } from './client/token.ts';
export type { UnpackOptions } from './client/unpack.ts';
export {
  createUploadJournal,
  type NotedUpload,
  type UploadJournalFolder,
  type UploadJournalOptions,
} from './client/upload-journal.ts';
export type { Finding, ValidateOptions } from './client/validate.ts';
export type { ChangeVerbs } from './client/verbs/change.ts';
export type { EditVerbs } from './client/verbs/edit.ts';
export type { FileVerbs } from './client/verbs/files.ts';
export type { IndexVerbs } from './client/verbs/indexes.ts';
export type { ListVerbs } from './client/verbs/list.ts';
export type { LoginVerbs } from './client/verbs/login.ts';
export type { ReadVerbs } from './client/verbs/read.ts';
export type { SignVerbs } from './client/verbs/sign.ts';
export type { TransferVerbs } from './client/verbs/transfer.ts';
export type { AttestationsOptions, VerifyOptions } from './client/verify.ts';
export type { WriteLayerOptions, WrittenLayer } from './client/write.ts';
export { type CopyOptions, copyImage } from './copy/copy.ts';
export type { CopyEnd, CopyEvent, CopyObserver, CopyProgress } from './copy/events.ts';
export {
  type Daemon,
  type DaemonLoadOptions,
  type DaemonOptions,
  openDaemon,
} from './daemon/daemon.ts';
export type { DaemonFacts } from './daemon/facts.ts';
export type { DaemonImageOptions } from './daemon/save.ts';
export * from './errors.ts';
export type { Compression, UnpackLimits } from './flow/compression.ts';
export { bytesContent, type Content, type OpenOptions, streamContent } from './flow/content.ts';
export { digestOf } from './flow/hash.ts';
export type { PlaceOptions, Pool } from './flow/pool.ts';
export type { Work, WorkObserver, WorkPart, WorkProgress, WorkSum } from './flow/work.ts';
export {
  type LeftOut,
  type UnpackedFiles,
  type UnpackFilesOptions,
  unpackFiles,
} from './folder/unpack-files.ts';
export type { HostSettings } from './hosts/hosts.ts';
export { defaultLayerRetry, type RetryEvent, type RetryOptions } from './http/backoff.ts';
export type { WarningObserver, WireEvent, WireObserver, WireWarning } from './http/event.ts';
export type { Fetch } from './http/fetch-transport.ts';
export { fetchTransport } from './http/fetch-transport.ts';
export type { ProxyOption } from './http/node/proxy.ts';
export type { TlsChoice, TlsOptions } from './http/node/tls.ts';
export { createNodeTransport, type NodeTransportOptions } from './http/node/transport.ts';
export type { RateLimit } from './http/rate-limit.ts';
export type { TimeoutOptions } from './http/timeout.ts';
export type { Transport } from './http/transport.ts';
export { createImage, type ImageParts } from './image/create.ts';
export { type CreateIndexOptions, createIndex } from './image/create-index.ts';
export type { ConfigChange } from './image/diff-configs.ts';
export {
  diffImages,
  type FileChange,
  type FilePart,
  type ImageDiff,
  type LayerChange,
} from './image/diff-images.ts';
export type { ConfigEdit, Healthcheck } from './image/edit/config-edit.ts';
export {
  type ConversionLoss,
  type ConvertImageOptions,
  type ConvertIndexOptions,
  convertImage,
  convertIndex,
  type LostMember,
} from './image/edit/convert.ts';
export { type EditFileOptions, editFile, type FileEdit } from './image/edit/file-edit.ts';
export { type FlattenOptions, flatten } from './image/edit/flatten.ts';
export { type MapImagesOptions, mapImages } from './image/edit/map-images.ts';
export { type RebaseBases, rebase } from './image/edit/rebase.ts';
export {
  type CompressionLevel,
  type LayerMaker,
  type RecompressOptions,
  recompress,
} from './image/edit/recompress.ts';
export type { FileEntry, FileWithContent, ReadFilesOptions } from './image/file-entry.ts';
export type { FileLookup } from './image/filesystem.ts';
export type { AddedLayers, Image, ImageContent, ImageView, ViewPlace } from './image/image.ts';
export type {
  AddedImages,
  Index,
  IndexContent,
  IndexEntry,
  IndexView,
} from './image/image-index.ts';
export type { MeasureOptions } from './image/layer.ts';
export { createLayer, type Layer, type LayerOptions, type LayerOrigin } from './image/layer.ts';
export { type ImageFile, openImageFile } from './image/open-file.ts';
export {
  type FileSystemOptions,
  type ImageFileSystem,
  openFileSystem,
} from './image/open-file-system.ts';
export { openImage } from './image/open-image.ts';
export { openIndex } from './image/open-index.ts';
export { type ImageSource, imageSource } from './image/source.ts';
export { createStreamLayer, type StreamLayer, type StreamLayerOptions } from './image/stream-layer.ts';
export type { ManifestOptions } from './json/manifest.ts';
export { parseManifest } from './json/manifest.ts';
export type { Credential, Keychain, KeychainQuestion } from './keychain/credential.ts';
export type {
  LayoutGarbage,
  LayoutGarbageOptions,
  LayoutRepository,
  OpenLayoutOptions,
} from './layout/repository.ts';
export { openLayout } from './layout/repository.ts';
export { createMemoryRegistry } from './memory/registry.ts';
export {
  createPullThrough,
  type PullThrough,
  type PullThroughOptions,
} from './pull-through/registry.ts';
export type { UpstreamFailure } from './pull-through/upstream.ts';
export type { DownloadOptions } from './remote/exchange.ts';
export type { RemoteOptions, RemoteRegistry } from './remote/registry.ts';
export type { UploadOptions } from './remote/upload/plan.ts';
export type { Annotations, Descriptor } from './spec/descriptor.ts';
export type { Algorithm } from './spec/digest.ts';
export { type Digest, parseDigest } from './spec/digest.ts';
export type { HistoryEntry, ImageConfig, RunConfig } from './spec/image-config.ts';
export type {
  ImageManifest,
  IndexManifest,
  Manifest,
  ManifestBody,
  UnknownManifest,
} from './spec/manifest.ts';
export type { MediaFamily } from './spec/media-family.ts';
export { MediaType } from './spec/media-type.ts';
export { formatPlatform, type Platform, parsePlatform } from './spec/platform.ts';
export type { PlatformPattern } from './spec/platform-pattern.ts';
export type { Scheme } from './spec/reference.ts';
export { formatReference, parseReference, type Reference, type ReferenceOptions } from './spec/reference.ts';
export type { BlobProgress, ProgressObserver } from './store/blob-progress.ts';
export type * from './store/contract.ts';
export type { KnownRoots, RootNote, RootNotes } from './store/known-roots.ts';
export type { ImageOrigin, NamedRoot } from './store/named-root.ts';
export type * from './store/upload.ts';
export type { TurnOptions, UploadJournal, UploadKey, UploadTurn } from './store/upload-journal.ts';
export type { TarType } from './tar/entry.ts';
export type { Device } from './tar/header.ts';
export type { TarMetadata } from './tar/metadata.ts';
export { type TarFile, type TarFileWithBody, writeTar } from './tar/write.ts';
export type { Clock } from './time/clock.ts';
export type {
  Arrival,
  HeaderMap,
  HttpRequest,
  HttpResponse,
  Middleware,
  Send,
  TargetUri,
} from './wire/message.ts';
