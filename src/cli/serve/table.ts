import { directory } from '../arguments.ts';
import type { Command, CommandGroup } from '../command.ts';
import { serveOptions } from './options.ts';

/** Runs a registry on this machine. */
export const serve: Command = {
  name: 'serve',
  summary: 'run a registry on this machine',
  details:
    'Listens on 127.0.0.1 and a free port, or on $PORT. Without --disk everything is kept in memory and lost at the end. ' +
    'Beyond this machine it listens only with --htpasswd, or with --anonymous.',
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
    summary: 'read the whole store of a registry and say what is wrong with it',
    details: 'Changes nothing, and may run beside the registry. Exits with 1 if it finds anything.',
    arguments: [directory],
    options: [{ name: 'sparse', summary: 'images may lack blobs that they name' }],
    examples: ['gantry registry check ./registry'],
    load: async () => (await import('../commands/registry-check.ts')).registryCheck,
  },
  {
    name: 'gc',
    summary: 'remove from the store of a registry what nothing refers to',
    details:
      'May run beside the registry. What was pushed or mounted within the grace period stays in any case.',
    arguments: [directory],
    options: [
      { name: 'dry-run', summary: 'only say what would be removed' },
      { name: 'grace', value: 'TIME', summary: 'what is younger stays, as in 90s, 30m, 24h, 7d (24h)' },
      { name: 'untagged', summary: 'manifests that no tag leads to go, too' },
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
  summary: 'serve (by the name crane has for it), and care for its store',
  commands: [serve, ...care],
};
