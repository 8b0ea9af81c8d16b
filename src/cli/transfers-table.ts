import type { CommandGroup, Option } from './command.ts';

const all: Option = { name: 'all', summary: 'forget all of them' };

/** Shows and forgets the uploads that a later command can continue. */
export const transfers: CommandGroup = {
  name: 'transfers',
  summary: 'list or forget interrupted uploads',
  commands: [
    {
      name: 'ls',
      summary: 'list the uploads that the same command can continue',
      details:
        'push and copy note every upload of 64 MiB and more, and remove the note at its end. The list shows the blob, its size ' +
        'and the time of the note. Notes older than a week go.',
      arguments: [],
      options: [],
      examples: ['gantry transfers ls', 'gantry transfers ls --json'],
      load: async () => (await import('./commands/transfers-ls.ts')).transfersLs,
    },
    {
      name: 'rm',
      summary: 'forget uploads, so that the next command starts them anew',
      details: 'UPLOAD is REPO@DIGEST, as the list shows it. The registry removes the session by itself.',
      arguments: [{ name: 'UPLOAD', kind: 'word', many: true, optional: true }],
      options: [all],
      examples: ['gantry transfers rm --all'],
      load: async () => (await import('./commands/transfers-rm.ts')).transfersRm,
    },
  ],
};
