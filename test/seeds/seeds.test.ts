import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { projectRoot } from '../../scripts/project.ts';
import { idsOfCell, namedTests } from '../documents/test-ids.ts';

/**
 * The appendix of `docs/migrating.md` has a row for each part of the two Go packages. This test checks every name in
 * it.
 */

const root = projectRoot();
const known = new Set(namedTests().map(({ id }) => id));
const [, appendix = ''] = readFileSync(join(root, 'docs', 'migrating.md'), 'utf8').split(/^## Appendix/m);

interface Row {
  readonly seed: string;
  /** Each is `name` in `file`. */
  readonly ours: readonly Named[];
  /** Ids of tests. */
  readonly tests: readonly string[];
}

interface Named {
  readonly name: string;
  readonly file: string;
}

const rows: readonly Row[] = appendix
  .split('\n')
  .filter((line) => line.startsWith('| ') && !line.startsWith('| Go '))
  .map((line) => {
    const [, seed = '', ours = '', , tests = ''] = line.split('|').map((cell) => cell.trim());
    return { seed, ours: namesIn(ours), tests: idsOfCell(tests) };
  });

function namesIn(cell: string): readonly Named[] {
  return [...cell.matchAll(/`([^`]+)` in `([^`]+)`/g)].map(([, name = '', file = '']) => ({ name, file }));
}

function textOf(file: string): string {
  return existsSync(join(root, file)) ? readFileSync(join(root, file), 'utf8') : '';
}

/** Returns whether a name exists. For `Client.tag` the file must export Client and contain tag. */
function isExported({ name, file }: Named): boolean {
  const [symbol = '', member = ''] = name.split('.');
  const text = textOf(file);
  const exported = new RegExp(
    `^export (?:abstract )?(?:async )?(?:function\\*?|const|class|interface|type) ${symbol}\\b`,
    'm',
  );
  return exported.test(text) && new RegExp(`\\b${member}`).test(text);
}

const names = (text: string): readonly string[] => text.split(/\s+/).filter((name) => name !== '');

/** Every function, method, type, option and setting in the two texts. */
const writer = names(`
  Write WriteIndex WriteLayer Tag Put Taggable writer writer.url writeImage writeIndex nextLocation checkExistingBlob
  checkExistingManifest initiateUpload streamBlob commitBlob incrProgress uploadOne withLayer withMediaType unpackTaggable
  commitSubjectReferrers fallbackTag fallbackTaggable RawManifest MediaType commitManifest scopesForUploadingImage
  countImage countIndex Option makeOptions o.context o.auth o.transport o.jobs o.allowNondistributableArtifacts o.updates
  o.retryBackoff o.retryPredicate Backoff retry.Predicate retry.Retry retry.Never v1.Update progress progressReader
  MountableLayer stream.Layer partial.ConfigLayer transport.NewWithContext transport.CheckError redact.NewContext
  logs.Progress logs.Warn name.Reference name.Repository name.Digest v1.Image v1.ImageIndex v1.Layer v1.Descriptor
  remote.Descriptor
`);
const client = names(`
  Client RegistryClient NewRegistryClient NotFoundError DefaultRetryBackoff Inspect GetImage Exists GetDescriptor BlobExists
  PushImage PushIndex WriteLayer ManifestResult ManifestResult.IsIndex ManifestResult.IsSinglePlatform Platform
  PlatformManifest RetryCallback RetryConfig RetryConfig.Backoff RetryConfig.OnRetry RetryEvent Attempt MaxAttempts Err
  NextRetryIn WriteLayerOptions WriteLayerOptions.Repo WriteLayerOptions.Layer WriteLayerOptions.ProgressCh
  WriteLayerOptions.Retry COG_PUSH_DEFAULT_CHUNK_SIZE COG_PUSH_MULTIPART_THRESHOLD COG_PUSH_CONCURRENCY COG_PUSH_OCI
  Content-Range OCI-Chunk-Max-Length OCI-Chunk-Min-Length OCI-Layer-Media-Type name.Insecure
`);
/** The TODOs and excluded tasks in the text of the writer. */
const tasks = [
  '#791',
  '#803',
  '#819',
  'conditional requests',
  'once per registry',
  'retry just this part',
  'token exchange',
  'list of tags',
  'WithTag',
  'update the total',
  "can't retry streaming",
  'de-dupe',
  're-upload',
];

describe('the appendix of docs/migrating.md', () => {
  it('the appendix has a row for each name and each TODO of both packages', () => {
    const seeds = rows.map(({ seed }) => seed);
    const missing = [...writer, ...client].filter(
      (name) => !seeds.some((seed) => seed.includes(`\`${name}\``)),
    );
    assert.deepEqual(missing, []);
    const untold = tasks.filter((task) => !seeds.some((seed) => seed.includes(task)));
    assert.deepEqual(untold, []);
  });

  for (const { seed, ours, tests } of rows) {
    it(`the row of ${seed} names exports and tests that exist`, () => {
      assert.ok(ours.length > 0 && tests.length > 0, 'a row names what is ours, and a test');
      assert.deepEqual(
        ours.filter((one) => !isExported(one)),
        [],
      );
      assert.deepEqual(
        tests.filter((id) => !known.has(id)),
        [],
      );
    });
  }
});
