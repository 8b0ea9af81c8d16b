import { directory } from './arguments.ts';
import type { Command } from './command.ts';

/** The command that builds an image of a folder. */
export const builds: readonly Command[] = [
  {
    name: 'build',
    summary: 'build an image of a Node application, or of any folder',
    details:
      'DIR (default: .) has the application, with its dependencies installed; gantry runs nothing of it. With a package.json, ' +
      'the production dependencies and the application become layers of their own, and the start script or main is the ' +
      'command. Any other folder needs --entrypoint. Files of .dockerignore, .git, .env* and .npmrc stay out. The same files ' +
      'give the same digest. REF is a reference, docker-daemon:NAME, or a place on disk such as oci:DIR[:NAME]. LIST is words ' +
      'with commas between them, or a JSON array. Prints the reference of the image.',
    arguments: [{ ...directory, optional: true }],
    options: [
      {
        name: 'tag',
        short: 't',
        value: 'REF',
        valueKind: 'place',
        repeatable: true,
        summary: 'the place of the image',
      },
      {
        name: 'base',
        short: 'b',
        value: 'IMAGE',
        valueKind: 'place',
        summary: 'the image to build on, or scratch (default for Node: node:MAJOR-slim by engines.node)',
      },
      {
        name: 'layer',
        value: 'SRC[:DEST]',
        repeatable: true,
        whole: true,
        summary:
          'a layer of this file or folder, in place of the usual ones; also ,owner=UID:GID ,mode=OCTAL ,platform=OS/ARCH',
      },
      { name: 'entrypoint', value: 'LIST', repeatable: true, whole: true, summary: 'the command' },
      { name: 'cmd', value: 'LIST', repeatable: true, whole: true, summary: 'the arguments of the command' },
      {
        name: 'env',
        short: 'e',
        value: 'K=V',
        repeatable: true,
        whole: true,
        summary: 'set an environment variable',
      },
      {
        name: 'label',
        short: 'l',
        value: 'K=V',
        repeatable: true,
        whole: true,
        summary: 'set labels; K- removes one of the base',
      },
      {
        name: 'annotation',
        short: 'a',
        value: 'K=V',
        repeatable: true,
        whole: true,
        summary: 'set annotations of the image and of its index',
      },
      {
        name: 'user',
        short: 'u',
        value: 'USER',
        summary: 'the user, as NAME or UID, with :GROUP (default: that of the base, but not root)',
      },
      { name: 'workdir', short: 'w', value: 'DIR', summary: 'the working directory (default: /app)' },
      {
        name: 'expose',
        value: 'PORT',
        repeatable: true,
        summary: 'a port that the image listens at: 80, 53/udp',
      },
      { name: 'volume', value: 'DIR', repeatable: true, summary: 'a volume of the image' },
      {
        name: 'ignore',
        value: 'FILE',
        summary: 'patterns of files to leave out (default: .dockerignore in DIR)',
      },
      {
        name: 'created',
        value: 'TIME',
        summary: 'the time of image and files (default: SOURCE_DATE_EPOCH, or 1970)',
      },
      {
        name: 'compression',
        value: 'FORM',
        summary: 'compress the layers as gzip (level 1), gzip:1 to gzip:9, zstd, or none',
      },
      {
        name: 'cache-from',
        value: 'IMAGE',
        valueKind: 'place',
        summary: 'take unchanged layers from this image (default: the image at REF)',
      },
      {
        name: 'output',
        short: 'o',
        value: 'FILE',
        summary: 'write the image to this docker archive, or to a place on disk, under the names of --tag',
      },
      {
        name: 'sbom',
        value: 'FORM',
        choices: ['spdx', 'cyclonedx'],
        summary: 'attach a bill of materials: spdx (2.3) or cyclonedx (1.6), from the lockfile',
      },
      { name: 'dry-run', summary: 'print the digest of the image, and write nothing' },
      {
        name: 'no-wait',
        summary: 'fail at once if another process writes to the same layout or archive',
      },
    ],
    examples: [
      'gantry build ./web -t ghcr.io/acme/web:1',
      'gantry build ./web --base alpine:3.20 -t ghcr.io/acme/web:2 --platform linux/arm64',
      'gantry build ./web --base node:22-slim -t web:1 -o web.tar',
      'gantry build ./layout --base scratch --entrypoint /app/index.json -t oci:./image:1',
    ],
    load: async () => (await import('./commands/build.ts')).build,
  },
];
