import type { Argument } from './arguments.ts';
import type { CommandGroup, Option } from './command.ts';
import { results } from './result-options.ts';

const index: Argument = { name: 'INDEX', kind: 'index' };
const images: Argument = { name: 'IMAGE', kind: 'place', many: true, optional: true };

const places =
  'INDEX, IMAGE and DST are references, oci:DIR[:NAME], oci-archive:FILE[:NAME], docker-archive:FILE[:NAME] or paths. The path of ' +
  'a folder as INDEX means the list of all images in this layout.';

/** The options of the result. The ones about attestations are for changed images. */
const result: readonly Option[] = results.filter(({ name }) => name !== 'keep-attestations');

const added: readonly Option[] = [
  {
    name: 'manifest',
    short: 'm',
    value: 'IMAGE',
    valueKind: 'place',
    repeatable: true,
    summary: 'an image to add, as the arguments',
  },
  { name: 'flatten', summary: 'add the images of an IMAGE that is an index (the default)' },
  { name: 'no-flatten', summary: 'add an IMAGE that is an index as one entry; also --flatten=false' },
  {
    name: 'entry-annotation',
    value: 'K=V',
    repeatable: true,
    whole: true,
    summary: 'set annotations of the added entries',
  },
  {
    name: 'entry-platform',
    value: 'PLATFORM',
    summary: 'the platform of the added entries (default: from the config of each image)',
  },
];

const annotation: Option = {
  name: 'annotation',
  short: 'a',
  value: 'K=V',
  repeatable: true,
  whole: true,
  summary: 'set annotations of the index; K- removes one',
};

const ofNew: readonly Option[] = [
  { name: 'docker-empty-base', summary: 'make a docker manifest list in place of an OCI index' },
  { name: 'artifact-type', value: 'TYPE', summary: 'the artifactType of the index' },
  {
    name: 'subject',
    value: 'IMAGE',
    valueKind: 'place',
    summary: 'the image that the index refers to, of which it becomes a referrer',
  },
];

/** Commands about the entries of an index. */
export const indexes: CommandGroup = {
  name: 'index',
  summary: 'make, change and list an index of images',
  commands: [
    {
      name: 'create',
      summary: 'make an index of images',
      details: `Copies the images to the place of the index. --platform narrows an IMAGE that is an index. ${places}`,
      arguments: [images],
      options: [...added, annotation, ...ofNew, ...result],
      examples: [
        'gantry index create ghcr.io/acme/parts:amd64 ghcr.io/acme/parts:arm64 -t ghcr.io/acme/parts:1',
        'gantry index create -m ghcr.io/acme/app:1 --platform linux/arm64 -a team=core -o app.tar -t app:1',
      ],
      load: async () => (await import('./commands/index-append.ts')).indexCreate,
    },
    {
      name: 'append',
      summary: 'add images to an index',
      details: `Without INDEX it makes an index, as create does. --platform narrows an IMAGE that is an index. ${places}`,
      arguments: [{ ...index, optional: true }, images],
      options: [...added, annotation, ...ofNew, ...result],
      examples: [
        'gantry index append ghcr.io/acme/app:1 -m alpine:3.20 --platform linux/arm64 -t ghcr.io/acme/app:2',
        'gantry index append ./layout app.tar',
      ],
      load: async () => (await import('./commands/index-append.ts')).indexAppend,
    },
    {
      name: 'remove',
      summary: 'remove images from an index',
      details: `An image takes its attestations along. ${places}`,
      arguments: [index],
      options: [
        {
          name: 'platform',
          value: 'PLATFORM',
          repeatable: true,
          summary: 'remove the images for exactly this platform: os/arch[/variant][:osversion]',
        },
        { name: 'digest', value: 'DIGEST', repeatable: true, summary: 'remove the entry with this digest' },
        annotation,
        ...result,
      ],
      examples: ['gantry index remove ghcr.io/acme/app:1 --platform linux/arm64 -t ghcr.io/acme/app:1-amd64'],
      load: async () => (await import('./commands/index-filter.ts')).indexRemove,
    },
    {
      name: 'filter',
      summary: 'keep only the images of an index for some platforms',
      details: `Attestations stay with their images. ${places}`,
      arguments: [index],
      options: [
        {
          name: 'platform',
          value: 'PLATFORM',
          repeatable: true,
          summary: 'keep the images for this platform, or a part of one: os[/arch[/variant]][:osversion]',
        },
        annotation,
        ...result,
      ],
      examples: [
        'gantry index filter ghcr.io/acme/app:1 --platform linux/amd64,linux/arm64 -t ghcr.io/acme/app:2',
        'gantry index filter ghcr.io/acme/app:1 --platform linux --dry-run',
      ],
      load: async () => (await import('./commands/index-filter.ts')).indexFilter,
    },
    {
      name: 'list',
      summary: 'list the entries of an index',
      details: places,
      arguments: [index],
      options: [
        { name: 'recursive', short: 'r', summary: 'also list the entries of nested indexes, indented' },
      ],
      examples: ['gantry index list ghcr.io/acme/app:1'],
      load: async () => (await import('./commands/index-list.ts')).indexList,
    },
  ],
};
