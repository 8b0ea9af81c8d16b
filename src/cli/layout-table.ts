import { directory } from './arguments.ts';
import type { CommandGroup } from './command.ts';

/** Maintains layouts. */
export const layouts: CommandGroup = {
  name: 'layout',
  summary: 'maintain an OCI layout',
  commands: [
    {
      name: 'gc',
      summary: 'remove the blobs of a layout that no image in it needs',
      details:
        'A change of an image in a layout leaves its old content there. Prints the digests of the removed blobs. Waits while ' +
        'another process writes to the layout.',
      arguments: [directory],
      options: [{ name: 'dry-run', summary: 'print the planned removals, and remove nothing' }],
      examples: ['gantry layout gc --dry-run ./layout', 'gantry layout gc ./layout'],
      load: async () => (await import('./commands/layout-gc.ts')).layoutGc,
    },
  ],
};
