import { secret } from '../secret.ts';

/** The surroundings of a command. */
export interface Place {
  /** The faulty registry in the form of a reference's first part. It has `app:1`, or nothing for uploads. */
  readonly host: string;
  /** Another registry without faults, which has `app:1`. */
  readonly other: string;
  /** A layout and the store of a registry, each with the same image. */
  readonly layout: string;
  readonly store: string;
  /** The digest of its layer. */
  readonly layer: string;
}

/** A command line. */
export interface Line {
  readonly words: (place: Place) => readonly string[];
  /** The command sends the faulty registry only requests for heads, or also for bodies. Default: none. */
  readonly asks?: 'heads' | 'bodies';
  /** The command serves until a signal ends it. */
  readonly serves?: true;
  /** The answer comes before a command begins. */
  readonly isAnsweredAhead?: true;
  readonly input?: string;
}

/** At least one line for each command of the table. */
export const lines: Readonly<Record<string, readonly Line[]>> = {
  push: [{ words: ({ layout, host }) => ['push', layout, `${host}/new:1`], asks: 'heads' }],
  pull: [
    { words: ({ host }) => ['pull', `${host}/app:1`, 'out.tar'], asks: 'bodies' },
    { words: ({ host }) => ['pull', `${host}/app:1`, 'out.tar', '-c', 'cache'], asks: 'bodies' },
  ],
  copy: [
    { words: ({ host, other }) => ['copy', `${host}/app:1`, `${other}/new:1`], asks: 'bodies' },
    { words: ({ host, other }) => ['copy', '-a', `${host}/app`, `${other}/all`], asks: 'bodies' },
  ],
  append: [{ words: ({ host, layout }) => ['append', '-f', layout, '-b', `${host}/app:1`], asks: 'bodies' }],
  build: [
    {
      words: ({ host, layout }) => [
        'build',
        layout,
        '-b',
        `${host}/app:1`,
        '--entrypoint',
        'a',
        '-t',
        `${host}/built:1`,
      ],
      asks: 'bodies',
    },
  ],
  flatten: [{ words: ({ host }) => ['flatten', `${host}/app:1`], asks: 'bodies' }],
  rebase: [
    {
      words: ({ host, other }) => [
        'rebase',
        `${host}/app:1`,
        '--old_base',
        `${other}/app:1`,
        '--new_base',
        `${other}/app:1`,
      ],
      asks: 'bodies',
    },
  ],
  convert: [
    { words: ({ host }) => ['convert', '--to', 'docker', `${host}/app:1`], asks: 'bodies' },
    { words: ({ host }) => ['convert', '--compression', 'none', `${host}/app:1`], asks: 'bodies' },
  ],
  sign: [
    { words: ({ host, layout }) => ['sign', '--key', `${layout}.key`, `${host}/app:1`], asks: 'bodies' },
  ],
  verify: [
    { words: ({ host, layout }) => ['verify', '--key', `${layout}.pub`, `${host}/app:1`], asks: 'bodies' },
  ],
  attest: [
    {
      words: ({ host, layout }) => [
        'attest',
        '--key',
        `${layout}.key`,
        '--type',
        'link',
        '--predicate',
        `${layout}/index.json`,
        `${host}/app:1`,
      ],
      asks: 'bodies',
    },
  ],
  'attestation ls': [{ words: ({ host }) => ['attestation', 'ls', `${host}/app:1`], asks: 'bodies' }],
  'attestation get': [
    {
      words: ({ host, layout }) => [
        'attestation',
        'get',
        '--key',
        `${layout}.pub`,
        '--type',
        'link',
        `${host}/app:1`,
      ],
      asks: 'bodies',
    },
  ],
  'key generate': [{ words: () => ['key', 'generate', '-o', 'made'] }],
  'key public': [{ words: ({ layout }) => ['key', 'public', `${layout}.key`] }],
  'key import': [{ words: ({ layout }) => ['key', 'import', `${layout}.key`, '-o', 'imported'] }],
  mutate: [{ words: ({ host }) => ['mutate', '-u', '5', `${host}/app:1`], asks: 'bodies' }],
  // The lines of one process share its stdin, and an edit reads it to the end before it asks.
  'edit config': [{ words: ({ host }) => ['edit', 'config', `${host}/app:1`], input: '{}' }],
  'edit manifest': [{ words: ({ host }) => ['edit', 'manifest', `${host}/app:1`], input: '{}' }],
  'edit fs': [{ words: ({ host }) => ['edit', 'fs', '-f', 'a', `${host}/app:1`], input: 'a' }],
  'index create': [
    {
      words: ({ host, other }) => ['index', 'create', `${host}/app:1`, '-t', `${other}/made:1`],
      asks: 'bodies',
    },
  ],
  'index append': [
    { words: ({ host, layout }) => ['index', 'append', layout, '-m', `${host}/app:1`], asks: 'bodies' },
  ],
  'index remove': [
    {
      words: ({ host }) => ['index', 'remove', `${host}/app:1`, '--platform', 'linux/amd64'],
      asks: 'bodies',
    },
  ],
  'index filter': [
    { words: ({ host }) => ['index', 'filter', `${host}/app:1`, '--platform', 'linux'], asks: 'bodies' },
  ],
  'index list': [{ words: ({ host }) => ['index', 'list', `${host}/app:1`], asks: 'bodies' }],
  digest: [{ words: ({ host }) => ['digest', `${host}/app:1`], asks: 'heads' }],
  inspect: [{ words: ({ host }) => ['inspect', `${host}/app:1`], asks: 'bodies' }],
  manifest: [{ words: ({ host }) => ['manifest', `${host}/app:1`], asks: 'bodies' }],
  config: [{ words: ({ host }) => ['config', `${host}/app:1`], asks: 'bodies' }],
  export: [
    { words: ({ host }) => ['export', `${host}/app:1`, 'out.tar'], asks: 'bodies' },
    { words: ({ host }) => ['export', `${host}/app:1`], asks: 'bodies' },
  ],
  'ls-files': [{ words: ({ host }) => ['ls-files', `${host}/app:1`], asks: 'bodies' }],
  cat: [{ words: ({ host }) => ['cat', `${host}/app:1`, 'a'], asks: 'bodies' }],
  unpack: [{ words: ({ host }) => ['unpack', `${host}/app:1`, 'files'], asks: 'bodies' }],
  diff: [{ words: ({ host, other }) => ['diff', `${host}/app:1`, `${other}/app:1`], asks: 'bodies' }],
  blob: [{ words: ({ host, layer }) => ['blob', `${host}/app@${layer}`], asks: 'bodies' }],
  ls: [{ words: ({ host }) => ['ls', `${host}/app`], asks: 'bodies' }],
  referrers: [{ words: ({ host }) => ['referrers', `${host}/app:1`], asks: 'bodies' }],
  catalog: [{ words: ({ host }) => ['catalog', host], asks: 'bodies' }],
  validate: [{ words: ({ host }) => ['validate', '--remote', `${host}/app:1`], asks: 'bodies' }],
  tag: [{ words: ({ host }) => ['tag', `${host}/app:1`, '2'], asks: 'bodies' }],
  delete: [
    { words: ({ host }) => ['delete', `${host}/app:1`], asks: 'heads' },
    { words: ({ host }) => ['delete', '--match', '*', `${host}/app`], asks: 'bodies' },
  ],
  'auth login': [
    {
      words: ({ host }) => ['auth', 'login', host, '-u', 'me', '--password-stdin'],
      input: secret('lingers'),
      asks: 'heads',
    },
  ],
  'auth logout': [{ words: ({ host }) => ['auth', 'logout', host] }],
  'auth get': [{ words: () => ['auth', 'get'], input: 'registry.example' }],
  'auth token': [{ words: ({ host }) => ['auth', 'token', `${host}/app`], asks: 'heads' }],
  serve: [
    { words: () => ['serve'], serves: true },
    { words: ({ store }) => ['serve', '--disk', store], serves: true },
    { words: ({ other }) => ['serve', '--proxy', `http://${other}`], serves: true },
  ],
  'registry serve': [{ words: () => ['registry', 'serve'], serves: true }],
  'registry check': [{ words: ({ store }) => ['registry', 'check', store] }],
  'registry gc': [{ words: ({ store }) => ['registry', 'gc', store] }],
  'layout gc': [{ words: ({ layout }) => ['layout', 'gc', layout] }],
  'transfers ls': [{ words: () => ['transfers', 'ls'] }],
  'transfers rm': [{ words: () => ['transfers', 'rm', '--all'] }],
  completion: [{ words: () => ['completion', 'bash'] }],
  version: [{ words: () => ['version'], isAnsweredAhead: true }],
};

/** The lines that send a blob to the faulty registry, which has nothing. */
export const uploads: Readonly<Record<'push' | 'copy', Line>> = {
  push: { words: ({ layout, host }) => ['push', layout, `${host}/new:1`], asks: 'heads' },
  copy: { words: ({ host, other }) => ['copy', `${other}/app:1`, `${host}/new:1`], asks: 'heads' },
};
