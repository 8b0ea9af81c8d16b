import { type Argument, image } from './arguments.ts';
import type { Option } from './command.ts';

/** The options of every command that changes an image. */
export const results: readonly Option[] = [
  {
    name: 'tag',
    short: 't',
    value: 'DST',
    valueKind: 'place',
    summary: 'the place of the result (default: that of the source)',
  },
  {
    name: 'repo',
    value: 'REPO',
    valueKind: 'repository',
    summary: 'push the result to this repository, by digest',
  },
  { name: 'output', short: 'o', value: 'FILE', summary: 'write the result as an archive to this file' },
  { name: 'dry-run', summary: 'print the digest of the result, and write nothing' },
  {
    name: 'keep-attestations',
    summary: 'keep the attestations of changed images, which still describe them as they were',
  },
];

/** The image to change, at any place. */
export const source: Argument = { ...image, kind: 'place' };

/** The sentences about places in the details of every command that changes an image. */
export const places: string =
  'IMAGE and DST are references, or oci:DIR[:NAME], oci-archive:FILE[:NAME], docker-archive:FILE[:NAME] or ' +
  'docker-daemon:NAME. Of an index, every image is changed, or with --platform only the images for these platforms. Prints the reference of the result.';
