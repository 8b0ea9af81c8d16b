export { type CopyOptions, copyImage } from './copy/copy.ts';
export type { CopyEnd, CopyEvent, CopyObserver, CopyProgress } from './copy/events.ts';
export * from './errors.ts';
export type { UnpackLimits } from './flow/compression.ts';
export { bytesContent, type Content, type OpenOptions, streamContent } from './flow/content.ts';
export { digestOf } from './flow/hash.ts';
export type { Work, WorkObserver, WorkProgress } from './flow/work.ts';
export { defaultLayerRetry, type RetryEvent, type RetryOptions } from './http/backoff.ts';
export type { WarningObserver, WireEvent, WireObserver, WireWarning } from './http/event.ts';
export { type Fetch, fetchTransport } from './http/fetch-transport.ts';
export type { TimeoutOptions } from './http/timeout.ts';
export type { Transport } from './http/transport.ts';
export { createImage, type ImageParts } from './image/create.ts';
export { type CreateIndexOptions, createIndex } from './image/create-index.ts';
export type { ConfigEdit, Healthcheck } from './image/edit/config-edit.ts';
export { type EditFileOptions, editFile, type FileEdit } from './image/edit/file-edit.ts';
export { type FlattenOptions, flatten } from './image/edit/flatten.ts';
export { type MapImagesOptions, mapImages } from './image/edit/map-images.ts';
export { type RebaseBases, rebase } from './image/edit/rebase.ts';
export type { AddedLayers, Image, ImageContent, ImageView } from './image/image.ts';
export type {
  AddedImages,
  Index,
  IndexContent,
  IndexEntry,
  IndexView,
} from './image/image-index.ts';
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
export { parseManifest } from './json/manifest.ts';
export type { Credential, Keychain, KeychainQuestion } from './keychain/credential.ts';
export { createMemoryRegistry } from './memory/registry.ts';
export { createRemoteRegistry, type RemoteOptions, type RemoteRegistry } from './remote/registry.ts';
export { createRegistryLine, type RegistryLineOptions } from './remote/registry-line.ts';
export type { UploadOptions } from './remote/upload/plan.ts';
export type { Annotations, Descriptor } from './spec/descriptor.ts';
export { type Digest, parseDigest } from './spec/digest.ts';
export type { ImageConfig, RunConfig } from './spec/image-config.ts';
export type { ImageManifest, IndexManifest, Manifest, ManifestBody } from './spec/manifest.ts';
export { MediaType } from './spec/media-type.ts';
export { formatPlatform, type Platform, parsePlatform } from './spec/platform.ts';
export type { PlatformPattern } from './spec/platform-pattern.ts';
export { formatReference, parseReference, type Reference, type ReferenceOptions } from './spec/reference.ts';
export type * from './store/contract.ts';
export type { KnownRoots } from './store/known-roots.ts';
export type * from './store/upload.ts';
export type { TurnOptions, UploadJournal, UploadKey, UploadTurn } from './store/upload-journal.ts';
export { type TarFile, type TarFileWithBody, writeTar } from './tar/write.ts';
export type { HttpRequest, HttpResponse, Send } from './wire/message.ts';
