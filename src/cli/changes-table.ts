import { image, images } from './arguments.ts';
import type { Command } from './command.ts';

/** Commands that change something in a registry without moving blobs. */
export const changes: readonly Command[] = [
  {
    name: 'tag',
    summary: 'add a tag to an image in a registry',
    arguments: [image, { name: 'TAG', kind: 'word' }],
    options: [],
    examples: ['gantry tag ghcr.io/acme/app:1.2.3 latest'],
    load: async () => (await import('./commands/tag.ts')).tag,
  },
  {
    name: 'delete',
    summary: 'delete tags and manifests from a registry',
    details:
      'Deletes a tag alone, and a digest with all its tags. With --match, --older-than or --keep, each IMAGE is a ' +
      'repository, and the tags that match all of these are deleted: with the image if no other tag and no index refers ' +
      'to it, otherwise alone. Tags that the registry cannot delete alone stay. The age of an image comes from its config ' +
      'or its annotation org.opencontainers.image.created; images without a time stay, and are listed.',
    arguments: [images],
    options: [
      {
        name: 'match',
        value: 'GLOB',
        repeatable: true,
        summary: 'only tags that match: * is any text, ? one character',
      },
      {
        name: 'older-than',
        value: 'TIME',
        summary: 'only images that are older than this, such as 24h or 30d',
      },
      { name: 'keep', value: 'N', summary: 'keep the newest N of the matching images' },
      { name: 'dry-run', summary: 'print the planned deletions with their reasons, and delete nothing' },
    ],
    examples: [
      'gantry delete localhost:5000/app@sha256:e66f76d4e617db297732e3935fe9c7d6d6903f5fc927d23ce816cbafd5e8fd33',
      'gantry delete ghcr.io/acme/app:1.0 ghcr.io/acme/app:1.1',
      "gantry delete --match 'pr-*' --older-than 30d --dry-run ghcr.io/acme/app",
      'gantry delete --keep 10 ghcr.io/acme/app',
    ],
    load: async () => (await import('./commands/delete.ts')).deleteReferences,
  },
];
