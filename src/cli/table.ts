import { admissionOptions } from './admission-options.ts';
import { blob, image, images, optionalImage, path, repository } from './arguments.ts';
import { auth } from './auth-table.ts';
import { builds } from './build-table.ts';
import { changes } from './changes-table.ts';
import type { Command, CommandGroup, Option } from './command.ts';
import { conversions } from './convert-table.ts';
import { editor } from './editor-table.ts';
import { edits } from './edits-table.ts';
import { files } from './files-table.ts';
import { indexes } from './index-table.ts';
import { layouts } from './layout-table.ts';
import { registry, serve } from './serve/table.ts';
import { globalOptions, sideOptions } from './shared-options.ts';
import { attestations, keys, signing } from './sign-table.ts';
import { transfers } from './transfers-table.ts';

const fullRef: Option = { name: 'full-ref', summary: 'print full references' };

const noWait: Option = {
  name: 'no-wait',
  summary: 'fail at once if another process writes to the same layout, archive or cache',
};

const noResume: Option = {
  name: 'no-resume',
  summary: 'neither continue the uploads of a killed process, nor note these for a later one',
};

const repair: Option = {
  name: 'repair',
  summary: 'read the content of the destination, and send damaged or missing content again',
};

const copies: readonly Command[] = [
  {
    name: 'push',
    summary: 'push an image from disk to a registry',
    details:
      'PATH is an OCI layout (a folder), an OCI archive or a docker archive (a file, or - for stdin), or docker-daemon:NAME, an ' +
      'image in the docker daemon. Prints the digest in the registry.',
    arguments: [path, image],
    options: [
      { name: 'index', summary: 'push all images of a layout as one index' },
      { name: 'image-refs', value: 'FILE', summary: 'also write the pushed reference to this file' },
      noResume,
      repair,
    ],
    examples: [
      'gantry push ./layout ghcr.io/acme/app:1',
      'gantry push app.tar localhost:5000/app',
      'docker save app | gantry push - localhost:5000/app',
    ],
    load: async () => (await import('./commands/push.ts')).push,
  },
  {
    name: 'pull',
    summary: 'save images from a registry to disk',
    details:
      'PATH is a file, or with --format=oci a folder; - is stdout, and then gantry writes nothing else to it.',
    arguments: [images, path],
    options: [
      {
        name: 'format',
        value: 'FORMAT',
        choices: ['tarball', 'legacy', 'oci'],
        summary: 'tarball (for docker load; the default), legacy, or oci (a layout in a folder)',
      },
      { name: 'annotate-ref', summary: 'with --format=oci: keep the reference as an annotation' },
      ...admissionOptions,
      { name: 'cache_path', short: 'c', value: 'DIR', summary: 'keep layers in this folder, and reuse them' },
      noWait,
    ],
    examples: [
      'gantry pull alpine:3.20 alpine.tar',
      'gantry pull --format=oci alpine ./layout',
      'gantry pull alpine:3.20 - | docker load',
    ],
    load: async () => (await import('./commands/pull.ts')).pull,
  },
  {
    name: 'copy',
    aliases: ['cp'],
    summary: 'copy an image, keeping its digest',
    details:
      'Either side is a reference, oci:DIR[:NAME], oci-archive:FILE[:NAME], docker-archive:FILE[:NAME], docker-daemon:NAME, or ' +
      'a path that exists; - as FILE, or alone, is stdin or stdout. ' +
      'With several --platform, the copy is an index of these platforms only.',
    arguments: [
      { name: 'SRC', kind: 'place' },
      { name: 'DST', kind: 'place' },
    ],
    options: [
      { name: 'all-tags', short: 'a', summary: 'copy every tag of the repository SRC to the repository DST' },
      { name: 'no-clobber', short: 'n', summary: 'skip tags that DST already has' },
      {
        name: 'jobs',
        short: 'j',
        value: 'N',
        summary: 'the number of concurrent transfers (default: by size)',
      },
      { name: 'referrers', summary: 'also copy referrers of the image: signatures, attestations, SBOMs' },
      {
        name: 'sparse',
        summary: 'with --platform: keep the index unchanged, and copy only these images of it',
      },
      { name: 'replace', summary: 'replace an existing archive instead of adding to it' },
      ...admissionOptions,
      noWait,
      noResume,
      repair,
      ...sideOptions('src-', 'source'),
      ...sideOptions('dest-', 'destination'),
    ],
    examples: [
      'gantry copy alpine:3.20 localhost:5000/alpine:3.20',
      'gantry cp -a registry.example/app ghcr.io/acme/app',
      'gantry copy --platform linux/amd64 --platform linux/arm64 alpine oci:./layout',
      'gantry copy alpine:3.20 docker-daemon:alpine:3.20',
      'gantry copy alpine oci-archive:- | ssh host gantry copy oci-archive:- registry.example/alpine',
    ],
    load: async () => (await import('./commands/copy.ts')).copy,
  },
];

const questions: readonly Command[] = [
  {
    name: 'digest',
    summary: 'print the digest of an image',
    arguments: [optionalImage],
    options: [
      fullRef,
      { name: 'tarball', value: 'FILE', summary: 'read the image from this archive instead of a registry' },
    ],
    examples: ['gantry digest alpine:3.20', 'gantry digest --platform linux/arm64 --full-ref alpine'],
    load: async () => (await import('./commands/digest.ts')).digest,
  },
  {
    name: 'inspect',
    summary: 'show the parts of an image',
    arguments: [image],
    options: [],
    examples: ['gantry inspect alpine', 'gantry inspect --json --platform linux/arm64 alpine'],
    load: async () => (await import('./commands/inspect.ts')).inspect,
  },
  {
    name: 'manifest',
    summary: 'print the manifest of an image, byte for byte',
    arguments: [image],
    options: [],
    examples: ['gantry manifest alpine', 'gantry manifest --platform linux/arm64 alpine'],
    load: async () => (await import('./commands/manifest.ts')).manifest,
  },
  {
    name: 'config',
    summary: 'print the config of an image, byte for byte',
    arguments: [image],
    options: [],
    examples: ['gantry config alpine'],
    load: async () => (await import('./commands/config.ts')).config,
  },
  {
    name: 'blob',
    summary: 'print a blob, byte for byte',
    arguments: [blob],
    options: [],
    examples: [
      'gantry blob alpine@sha256:43ba476300f4feab4e17766fad83a0555f5b13b2e0c93e7238e62f28b2cef73b > layer.tar',
    ],
    load: async () => (await import('./commands/blob.ts')).blob,
  },
  {
    name: 'ls',
    summary: 'list the tags of a repository',
    arguments: [repository],
    options: [fullRef, { name: 'omit-digest-tags', short: 'O', summary: 'omit tags such as sha256-...' }],
    examples: ['gantry ls ghcr.io/acme/app'],
    load: async () => (await import('./commands/ls.ts')).ls,
  },
  {
    name: 'referrers',
    summary: 'list the referrers of an image: signatures, attestations, SBOMs',
    arguments: [image],
    options: [
      { name: 'artifact-type', value: 'TYPE', summary: 'only referrers of this type' },
      { name: 'tree', summary: 'also show their referrers' },
    ],
    examples: [
      'gantry referrers ghcr.io/acme/app:1',
      'gantry referrers --tree --artifact-type application/spdx+json ghcr.io/acme/app:1',
    ],
    load: async () => (await import('./commands/referrers.ts')).referrers,
  },
  {
    name: 'catalog',
    summary: 'list the repositories of a registry',
    arguments: [{ name: 'REGISTRY', kind: 'registry' }],
    options: [fullRef],
    examples: ['gantry catalog localhost:5000'],
    load: async () => (await import('./commands/catalog.ts')).catalog,
  },
  {
    name: 'validate',
    summary: 'check that an image is complete and matches its digests',
    arguments: [],
    options: [
      { name: 'remote', value: 'IMAGE', valueKind: 'image', summary: 'an image in a registry' },
      { name: 'tarball', value: 'FILE', summary: 'an image in an archive, or in a layout (a folder)' },
      { name: 'fast', summary: 'check that the layers exist, but do not read them' },
    ],
    examples: ['gantry validate --remote alpine', 'gantry validate --tarball app.tar'],
    load: async () => (await import('./commands/validate.ts')).validate,
  },
];

/** Every command, in the order of the help. */
export const commands: readonly (Command | CommandGroup)[] = [
  ...copies,
  ...questions,
  ...files,
  ...builds,
  ...edits,
  ...conversions,
  editor,
  indexes,
  layouts,
  ...changes,
  ...signing,
  attestations,
  keys,
  auth,
  transfers,
  serve,
  registry,
  {
    name: 'completion',
    summary: 'print a completion script for a shell',
    arguments: [{ name: 'SHELL', kind: 'word' }],
    choices: ['bash', 'zsh', 'fish', 'powershell'],
    options: [{ name: 'no-descriptions', summary: 'omit the descriptions' }],
    examples: ['gantry completion bash > ~/.local/share/bash-completion/completions/gantry'],
    load: async () => (await import('./commands/completion.ts')).completion,
  },
  {
    name: 'version',
    summary: 'print the version',
    arguments: [],
    options: [],
    examples: ['gantry version'],
    load: async () => (await import('./commands/version.ts')).version,
  },
];

/** Those that a command takes beside its own: `auth login` has a user name in a sense of its own. */
export function globalOptionsOf({ options }: Command): readonly Option[] {
  return globalOptions.filter(({ name }) => !options.some((own) => own.name === name));
}
