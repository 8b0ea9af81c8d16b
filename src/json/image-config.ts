import type { HistoryEntry, ImageConfig, RunConfig } from '../spec/image-config.ts';
import { readDigest, readStrings } from './descriptor.ts';
import {
  type Field,
  knownKeys,
  member,
  optional,
  present,
  readArray,
  readBoolean,
  readMap,
  readObject,
  readString,
  readStringMap,
  refusal,
} from './field.ts';
import { parseJson } from './parse.ts';

/** In bytes. The config of an image with thousands of build steps and labels has 1 MiB. */
export const configLimit: number = 8 * 1024 * 1024;

const configKeys = knownKeys(
  'architecture',
  'os',
  'variant',
  'os.version',
  'os.features',
  'created',
  'author',
  'config',
  'rootfs',
  'history',
);
const rootfsKeys = knownKeys('type', 'diff_ids');

/**
 * Parses the config of a container image. Call it only when `isConfigType` accepts the media type; any other config
 * belongs to another program.
 * @throws TOO_LARGE when the config exceeds `configLimit`
 * @throws MANIFEST_INVALID when the bytes are no image config
 */
export function parseImageConfig(bytes: Uint8Array): ImageConfig {
  const what = 'image config';
  const value = parseJson(bytes, { what, maxBytes: configLimit });
  const config = readObject({ value, what, path: '' }, configKeys);
  return {
    architecture: optional(config, 'architecture', readString) ?? '',
    os: optional(config, 'os', readString) ?? '',
    ...present({
      variant: optional(config, 'variant', readString),
      'os.version': optional(config, 'os.version', readString),
      'os.features': optional(config, 'os.features', readStrings),
      created: optional(config, 'created', readString),
      author: optional(config, 'author', readString),
      config: optional(config, 'config', readRunConfig),
    }),
    rootfs: readRootfs(member(config, 'rootfs')),
    ...present({ history: optional(config, 'history', readHistory) }),
  };
}

function readRootfs(field: Field): ImageConfig['rootfs'] {
  const rootfs = readObject(field, rootfsKeys);
  const type = member(rootfs, 'type');
  if (type.value !== 'layers') throw refusal(type, 'is not "layers"');
  // Go leaves out an empty list, so docker saves images without layers like this.
  const diffIds = optional(rootfs, 'diff_ids', (field) => readArray(field, readDigest));
  return { type: 'layers', diff_ids: diffIds ?? [] };
}

function readRunConfig(field: Field): RunConfig {
  const run = readMap(field);
  return present({
    User: optional(run, 'User', readString),
    WorkingDir: optional(run, 'WorkingDir', readString),
    StopSignal: optional(run, 'StopSignal', readString),
    Env: optional(run, 'Env', readStrings),
    Entrypoint: optional(run, 'Entrypoint', readStrings),
    Cmd: optional(run, 'Cmd', readStrings),
    Labels: optional(run, 'Labels', readStringMap),
    ExposedPorts: optional(run, 'ExposedPorts', readKeys),
    Volumes: optional(run, 'Volumes', readKeys),
  });
}

function readKeys(field: Field): Readonly<Record<string, unknown>> {
  return readMap(field).value;
}

function readHistory(field: Field): readonly HistoryEntry[] {
  return readArray(field, (item) => {
    const entry = readMap(item);
    return present({
      created: optional(entry, 'created', readString),
      created_by: optional(entry, 'created_by', readString),
      author: optional(entry, 'author', readString),
      comment: optional(entry, 'comment', readString),
      empty_layer: optional(entry, 'empty_layer', readBoolean),
    });
  });
}
