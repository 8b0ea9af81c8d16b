import type { Command } from './command.ts';
import { places, results, source } from './result-options.ts';

/** Commands that convert an image. */
export const conversions: readonly Command[] = [
  {
    name: 'convert',
    summary: 'convert an image to another format or compression',
    details:
      `${places} The config keeps its bytes, so the image keeps its id, and layers that are in the wanted form already keep ` +
      "theirs. Docker's format has no annotations, no subject and no zstd; the annotations that are lost are counted on stderr.",
    arguments: [source],
    options: [
      {
        name: 'to',
        value: 'FORMAT',
        choices: ['docker', 'oci'],
        summary: "the format: docker's media types, or OCI's",
      },
      {
        name: 'compression',
        value: 'FORM',
        summary: 'compress the layers as gzip, gzip:1 to gzip:9, zstd, zstd:1 to zstd:22, or none',
      },
      {
        name: 'digest-algorithm',
        value: 'ALGORITHM',
        choices: ['sha256', 'sha512'],
        summary: 'the algorithm of the digests of manifest, config and layers',
      },
      {
        name: 'inline-data',
        value: 'BYTES',
        summary: 'write content of at most this size into its descriptor; 0 takes all of it out',
      },
      {
        name: 'distributable',
        summary: 'make layers that a licence restricts ordinary layers, where the source has their bytes',
      },
      { name: 'strip-history', summary: 'remove the history' },
      {
        name: 'strip-build-arg',
        value: 'NAME=VALUE',
        repeatable: true,
        whole: true,
        summary: 'remove an argument of the build from the history',
      },
      {
        name: 'strip-path',
        value: 'PATH',
        repeatable: true,
        whole: true,
        summary: 'remove a file or a folder from every layer',
      },
      {
        name: 'time',
        value: 'TIME',
        summary:
          'make later times of the image, its history and its files this one: 2026-01-31T12:00:00Z, seconds since 1970, or SOURCE_DATE_EPOCH',
      },
      {
        name: 'base',
        value: 'IMAGE',
        valueKind: 'place',
        summary: 'with --time: the base, whose layers stay (default: the one that annotations name)',
      },
      { name: 'all-layers', summary: 'with --time: also change the layers of the base' },
      ...results,
    ],
    examples: [
      'gantry convert --to docker ghcr.io/acme/app:1 -t ghcr.io/acme/app:1-docker',
      'gantry convert --to oci --compression none ghcr.io/acme/app:1 -t oci:layout:app',
      'gantry convert --time 2026-01-31T12:00:00Z ghcr.io/acme/app:1',
    ],
    load: async () => (await import('./commands/convert.ts')).convert,
  },
];
