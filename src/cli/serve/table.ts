import { directory } from '../arguments.ts';
import type { Command, CommandGroup } from '../command.ts';
import { serveOptions } from './options.ts';

/** Runs a registry on this machine. */
export const serve: Command = {
  name: 'serve',
  summary: 'run a registry on this machine',
  details:
    'Listens on 127.0.0.1 and a free port, or on $PORT. Without --disk, all content is in memory and lost at the end. ' +
    'It accepts other machines only with --htpasswd or --anonymous.',
  arguments: [],
  options: serveOptions,
  examples: [
    'gantry serve --address localhost:5000 --disk ./registry',
    'gantry serve --address localhost:5000 --disk ./cache --proxy docker.io',
    'gantry serve --address :5000 --htpasswd users --rules rules.yaml --tls-cert cert.pem --tls-key key.pem',
  ],
  load: async () => (await import('../commands/serve.ts')).serve,
};

const care: readonly Command[] = [
  {
    name: 'check',
    summary: 'check the whole store of a registry and list its problems',
    details: 'Changes nothing, and may run beside the registry. Exits with 1 if it finds anything.',
    arguments: [directory],
    options: [{ name: 'sparse', summary: 'allow images without all of their blobs' }],
    examples: ['gantry registry check ./registry'],
    load: async () => (await import('../commands/registry-check.ts')).registryCheck,
  },
  {
    name: 'gc',
    summary: 'remove unreferenced content from the store of a registry',
    details:
      'May run beside the registry. Content that was pushed or mounted within the grace period always stays.',
    arguments: [directory],
    options: [
      { name: 'dry-run', summary: 'print the planned removals, and remove nothing' },
      { name: 'grace', value: 'TIME', summary: 'keep younger content, as in 90s, 30m, 24h, 7d (24h)' },
      { name: 'untagged', summary: 'also remove manifests that no tag leads to' },
    ],
    examples: [
      'gantry registry gc --dry-run ./registry',
      'gantry registry gc --untagged --grace 7d ./registry',
    ],
    load: async () => (await import('../commands/registry-gc.ts')).registryGc,
  },
];

/** The same command under crane's name, and the maintenance of its store. */
export const registry: CommandGroup = {
  name: 'registry',
  summary: 'serve a registry, as crane does, and maintain its store',
  commands: [serve, ...care],
};
