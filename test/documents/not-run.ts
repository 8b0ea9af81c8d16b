/** A block that no test runs. Each entry has its reason and names the test that replaces the run. */
export interface NotRun {
  readonly document: string;
  /** The first line of the block. */
  readonly begins: string;
  readonly reason: string;
}

/** The only way to exclude a block from the runs. An entry without its block fails a test. */
export const notRun: readonly NotRun[] = [
  {
    document: 'README.md',
    begins: 'npm ci && npm run quickstart',
    reason: 'it installs packages from the network; claims.test.ts holds it to the scripts of package.json',
  },
  {
    document: 'README.md',
    begins: 'npm cit',
    reason: 'it runs all tests, this one too; claims.test.ts holds it to the scripts of package.json',
  },
  {
    document: 'CONTRIBUTING.md',
    begins: ' 4  DOORS    index · core · cli · testing · server/node                   for users',
    reason: 'a drawing; architecture.test.ts enforces the rooms',
  },
  {
    document: 'docs/benchmarks.md',
    begins: 'npm run bench                     # every scenario; --list names them',
    reason: 'it takes hours; claims.test.ts holds it to the scripts of package.json',
  },
  {
    document: 'docs/signing.md',
    begins: 'gantry verify ghcr.io/acme/app:1 --trusted-root trusted_root.json \\',
    reason: 'it needs a certificate of a public authority; test/sign/keyless.test.ts runs these options',
  },
  {
    document: 'docs/picture.md',
    begins: ' 4  DOORS     index.ts  core.ts   cli/   testing/      server/node/',
    reason: 'a drawing; architecture.test.ts enforces the rooms',
  },
  {
    document: 'docs/picture.md',
    begins:
      'cli/commands/push → client/push → copy/copy   resolve the root                        floors 4–3',
    reason: 'a drawing of calls',
  },
  {
    document: 'docs/picture.md',
    begins:
      'GantryError  (abstract)  code · message · cause · toJSON() · isGantryError: true · response? {method, url (redacted), status, errors[]}',
    reason: 'a drawing; claims.test.ts compares its codes with errors.ts',
  },
];
