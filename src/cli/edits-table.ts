import type { Command } from './command.ts';
import { layerFlags } from './layer-options.ts';
import { places, results, source } from './result-options.ts';

/** The members that `mutate --unset` removes, by their options. */
const unsettable = [
  'author',
  'cmd',
  'created',
  'entrypoint',
  'exposed-ports',
  'healthcheck',
  'shell',
  'stop-signal',
  'user',
  'volumes',
  'workdir',
] as const;

/** Commands that change an image. */
export const edits: readonly Command[] = [
  {
    name: 'append',
    summary: 'add layers to an image',
    details:
      'FILE is a tar, plain or compressed with gzip or zstd, or a folder; - is stdin. Without --base the image is new, and ' +
      `for --platform (default: linux/amd64). ${places}`,
    arguments: [],
    options: [
      {
        name: 'base',
        short: 'b',
        value: 'IMAGE',
        valueKind: 'place',
        summary: 'the image to add the layers to',
      },
      {
        name: 'new_layer',
        short: 'f',
        value: 'FILE',
        repeatable: true,
        summary: 'a layer to add, on top of the others',
      },
      {
        name: 'new_tag',
        short: 't',
        value: 'DST',
        valueKind: 'place',
        summary: 'the place of the result (default: that of the base)',
      },
      { name: 'oci-empty-base', summary: 'begin with an empty OCI image, as without --base' },
      {
        name: 'set-base-image-annotations',
        summary: 'name the base and its digest in annotations of the image and of its index',
      },
      ...layerFlags,
      ...results.filter(({ name }) => name !== 'tag' && name !== 'repo'),
    ],
    examples: [
      'gantry append -b ghcr.io/acme/app:1 -f ./layout -t ghcr.io/acme/app:2',
      'gantry append -f app.tar -t localhost:5000/app:1',
    ],
    load: async () => (await import('./commands/append.ts')).append,
  },
  {
    name: 'mutate',
    summary: 'change the config, annotations or platform of an image',
    details: `${places} LIST is words with commas between them, or a JSON array.`,
    arguments: [source],
    options: [
      {
        name: 'label',
        short: 'l',
        value: 'K=V',
        repeatable: true,
        whole: true,
        summary: 'set labels; K- removes one',
      },
      {
        name: 'annotation',
        short: 'a',
        value: 'K=V',
        repeatable: true,
        whole: true,
        summary: 'set annotations of the manifest; K- removes one',
      },
      {
        name: 'index-annotation',
        value: 'K=V',
        repeatable: true,
        whole: true,
        summary: 'set annotations of the index; K- removes one',
      },
      {
        name: 'env',
        short: 'e',
        value: 'K=V',
        repeatable: true,
        whole: true,
        summary: 'set an environment variable',
      },
      { name: 'unset-label', value: 'K', repeatable: true, whole: true, summary: 'remove a label' },
      {
        name: 'unset-annotation',
        value: 'K',
        repeatable: true,
        whole: true,
        summary: 'remove an annotation',
      },
      {
        name: 'unset-env',
        value: 'K',
        repeatable: true,
        whole: true,
        summary: 'remove an environment variable',
      },
      {
        name: 'entrypoint',
        value: 'LIST',
        repeatable: true,
        whole: true,
        summary: 'set the entrypoint, and remove the command',
      },
      { name: 'cmd', value: 'LIST', repeatable: true, whole: true, summary: 'set the command' },
      { name: 'keep-cmd', summary: 'with --entrypoint: keep the command' },
      { name: 'user', short: 'u', value: 'USER', summary: 'set the user, as NAME or UID, with :GROUP' },
      { name: 'workdir', short: 'w', value: 'DIR', summary: 'set the working directory' },
      {
        name: 'exposed-ports',
        value: 'LIST',
        repeatable: true,
        whole: true,
        summary: 'set all exposed ports: 80, 53/udp',
      },
      { name: 'volumes', value: 'LIST', repeatable: true, whole: true, summary: 'set all volumes' },
      { name: 'stop-signal', value: 'SIGNAL', summary: 'set the signal that stops the container' },
      {
        name: 'healthcheck',
        value: 'CHECK',
        summary: "set the health check: a shell command, none, a JSON array, or docker's JSON object",
      },
      {
        name: 'shell',
        value: 'LIST',
        repeatable: true,
        whole: true,
        summary: 'set the shell for commands in shell form',
      },
      { name: 'author', value: 'TEXT', summary: 'set the author' },
      {
        name: 'created',
        value: 'TIME',
        summary: 'set the time: 2026-01-31T12:00:00Z, or seconds since 1970',
      },
      {
        name: 'set-platform',
        value: 'PLATFORM',
        summary: 'set the platform in the config: os/arch[/variant][:osversion]',
      },
      {
        name: 'append',
        value: 'FILE',
        repeatable: true,
        summary: 'first add a layer: a tar or a folder, as for append',
      },
      {
        name: 'unset',
        value: 'MEMBER',
        repeatable: true,
        choices: unsettable,
        summary: `remove a member: ${unsettable.join(', ')}`,
      },
      ...results,
    ],
    examples: [
      'gantry mutate -l team=core -e MODE=production ghcr.io/acme/app:1 -t ghcr.io/acme/app:1-core',
      'gantry mutate --entrypoint \'["/bin/app","serve"]\' --user 65532 ghcr.io/acme/app:1',
      'gantry mutate --unset-env DEBUG -l old- --unset cmd --dry-run ghcr.io/acme/app:1',
    ],
    load: async () => (await import('./commands/mutate.ts')).mutate,
  },
  {
    name: 'flatten',
    summary: 'merge the layers of an image into one',
    details:
      `${places} The same image gives the same digest. With --keep, --keep-base or --base, only the layers above become one, and ` +
      'other images still share the layers below.',
    arguments: [source],
    options: [
      { name: 'keep', value: 'N', summary: 'keep the N lowest layers' },
      { name: 'keep-base', summary: 'keep the layers of the base that the annotations of the image name' },
      { name: 'base', value: 'IMAGE', valueKind: 'place', summary: 'keep the layers of this base' },
      ...results,
    ],
    examples: [
      'gantry flatten ghcr.io/acme/app:1 -t ghcr.io/acme/app:flat',
      'gantry flatten --base alpine:3.19 ghcr.io/acme/based:1 -t ghcr.io/acme/based:flat',
    ],
    load: async () => (await import('./commands/flatten.ts')).flattenImage,
  },
  {
    name: 'rebase',
    summary: 'put an image on another base',
    details:
      'Without --new_base and --old_base, the annotations org.opencontainers.image.base.name and .digest of the image name ' +
      `its base. ${places}`,
    arguments: [source],
    options: [
      { name: 'new_base', value: 'IMAGE', valueKind: 'place', summary: 'the base to put the image on' },
      {
        name: 'old_base',
        value: 'IMAGE',
        valueKind: 'place',
        summary: 'the base that the image was built on, or scratch for none',
      },
      {
        name: 'check',
        summary: 'write nothing, and end with 1 if the image is not on the newest base',
      },
      { name: 'rebased', value: 'DST', valueKind: 'place', summary: "as --tag: crane's older name of it" },
      ...results,
    ],
    examples: [
      'gantry rebase ghcr.io/acme/based:1 --old_base alpine:3.19 --new_base alpine:3.20 -t ghcr.io/acme/based:2',
      'gantry rebase --check ghcr.io/acme/based:2',
    ],
    load: async () => (await import('./commands/rebase.ts')).rebaseImage,
  },
];
