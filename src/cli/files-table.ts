import { type Argument, directory } from './arguments.ts';
import type { Command } from './command.ts';

const place: Argument = { name: 'IMAGE', kind: 'place' };

/** Commands that look into the files of an image. */
export const files: readonly Command[] = [
  {
    name: 'export',
    summary: 'write the files of an image as a tar',
    details:
      'All layers are applied: directories come before their content, hard links after their file, and equal layers give ' +
      'equal bytes. FILE is a path, or - for stdout (the default). Of an artifact whose one layer holds no files, writes ' +
      'the bytes of that layer.',
    arguments: [place, { name: 'FILE', kind: 'path', optional: true }],
    options: [],
    examples: ['gantry export alpine:3.20 files.tar', 'gantry export alpine - | tar -tvf -'],
    load: async () => (await import('./commands/export.ts')).exportFiles,
  },
  {
    name: 'ls-files',
    summary: 'list the files of an image',
    details: 'A directory ends with a slash.',
    arguments: [place],
    options: [
      { name: 'long', short: 'l', summary: 'also show mode, owner, size, time and the target of a link' },
    ],
    examples: ['gantry ls-files alpine', 'gantry ls-files -l --platform linux/arm64 ghcr.io/acme/app:1'],
    load: async () => (await import('./commands/ls-files.ts')).lsFiles,
  },
  {
    name: 'cat',
    summary: 'print a file of an image',
    details:
      'Follows symbolic links within the image. Layers are read from the top down, and none below the one that decides is ' +
      'fetched.',
    arguments: [place, { name: 'FILE', kind: 'word' }],
    options: [],
    examples: ['gantry cat alpine /hello.txt'],
    load: async () => (await import('./commands/cat.ts')).cat,
  },
  {
    name: 'unpack',
    summary: 'unpack the files of an image into a new folder',
    details:
      'DIR does not exist yet, or is empty. It appears in one step when it is complete; a killed command leaves nothing there, ' +
      'and the next one into the same parent removes the rest. Nothing is written outside of it. Devices, pipes, extended ' +
      'attributes, setuid and setgid are left out, and named.',
    arguments: [place, directory],
    options: [{ name: 'same-owner', summary: 'keep owners, setuid and setgid; only root can' }],
    examples: ['gantry unpack alpine:3.20 ./files'],
    load: async () => (await import('./commands/unpack.ts')).unpack,
  },
  {
    name: 'diff',
    summary: 'compare two images: configs, layers and files',
    details:
      'One line for each difference. A is an added file, C a changed and D a deleted one, with sizes in bytes and the parts that ' +
      'differ. Times of files are no difference.',
    arguments: [
      { ...place, name: 'A' },
      { ...place, name: 'B' },
    ],
    options: [{ name: 'exit-code', summary: 'exit with 1 if the images differ' }],
    examples: ['gantry diff alpine:3.20 ghcr.io/acme/app:1'],
    load: async () => (await import('./commands/diff.ts')).diff,
  },
];
