import { image, images } from './arguments.ts';
import type { Command } from './command.ts';

/** Commands that change something in a registry without moving blobs. */
export const changes: readonly Command[] = [
  {
    name: 'tag',
    summary: 'give an image in a registry another tag',
    arguments: [image, { name: 'TAG', kind: 'word' }],
    options: [],
    examples: ['gantry tag ghcr.io/acme/app:1.2.3 latest'],
    load: async () => (await import('./commands/tag.ts')).tag,
  },
  {
    name: 'delete',
    summary: 'delete tags and manifests from a registry',
    details:
      'A tag goes alone, a digest with every tag on it. With --match, --older-than or --keep each IMAGE is a repository, ' +
      'and the tags that fit all of these go: with their image where no other tag and no index has it, alone otherwise; ' +
      'what the registry can not delete alone is kept. An image is as old as its config or its annotation ' +
      'org.opencontainers.image.created says; one without a time is kept, and named.',
    arguments: [images],
    options: [
      {
        name: 'match',
        value: 'GLOB',
        repeatable: true,
        summary: 'tags that match: * is anything, ? one character',
      },
      { name: 'older-than', value: 'TIME', summary: 'images that were made longer ago, such as 24h or 30d' },
      { name: 'keep', value: 'N', summary: 'all images but the newest N of those that match' },
      { name: 'dry-run', summary: 'say what would be deleted and why, and delete nothing' },
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
