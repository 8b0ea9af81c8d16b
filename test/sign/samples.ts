import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../../scripts/project.ts';
import { bytesContent } from '../../src/flow/content.ts';
import { digestOf } from '../../src/flow/hash.ts';
import { parseManifest } from '../../src/json/manifest.ts';
import { createMemoryRegistry } from '../../src/memory/registry.ts';
import { type Digest, parseDigest } from '../../src/spec/digest.ts';
import { blobsOf } from '../../src/spec/manifest.ts';
import { referrersTag } from '../../src/spec/referrers-tag.ts';
import type { Repository } from '../../src/store/contract.ts';

/** The signatures that real tools made, each with its verdict. They are beside the project, and not part of it. */
const folder = join(projectRoot(), '..', 'shared', 'data', 'signing');

/** A sample, as `cases.json` describes it. */
export interface Sample {
  readonly name: string;
  readonly format: 'bundle' | 'legacy' | 'notation';
  readonly mode?: 'key' | 'certificate' | 'keyless';
  readonly expect: 'accept' | 'reject';
  readonly files: readonly string[];
  readonly args: readonly string[];
}

export const missing: string | false = existsSync(folder) ? false : 'the samples are not on this machine';

export function sampleFile(name: string): Buffer {
  return readFileSync(join(folder, name));
}

export function samples(): readonly Sample[] {
  if (missing !== false) return [];
  const { cases }: { readonly cases: readonly Sample[] } = JSON.parse(sampleFile('cases.json').toString());
  return cases;
}

/** Returns a repository with the image and the signatures of a sample. */
export async function sampleRepository({
  format,
  files,
}: Pick<Sample, 'format' | 'files'>): Promise<{ readonly repository: Repository; readonly digest: Digest }> {
  const repository = createMemoryRegistry().repository('demo/app');
  const digest = await putManifest(repository, 'image/manifest.json');
  const folderOf = { bundle: 'cosign', legacy: 'cosign', notation: 'notation' }[format];
  if (format === 'legacy') {
    const [manifest = '', ...payloads] = files;
    for (const payload of payloads) await putBlob(repository, sampleFile(payload));
    const tag = `${referrersTag(digest)}.sig`;
    await putManifest(repository, manifest, { tags: [tag] });
    return { repository, digest };
  }
  for (const file of files) {
    await putBlob(repository, sampleFile(file));
    const name = file.slice(folderOf.length + 1).replace(/(?:\.bundle)?\.\w+$/, '');
    await putManifest(repository, `${folderOf}/${name}.manifest.json`);
  }
  return { repository, digest };
}

export async function putBlob(repository: Repository, bytes: Uint8Array): Promise<void> {
  const descriptor = {
    mediaType: 'application/octet-stream',
    digest: digestOf(bytes),
    size: bytes.byteLength,
  };
  await repository.blobs.write(descriptor, bytesContent(bytes));
}

async function putManifest(
  repository: Repository,
  file: string,
  options: { readonly tags?: readonly string[] } = {},
): Promise<Digest> {
  const bytes = sampleFile(file);
  const digest = digestOf(bytes);
  const { mediaType }: { readonly mediaType: string } = JSON.parse(bytes.toString());
  const manifest = parseManifest(bytes, { digest, mediaType });
  for (const blob of blobsOf(manifest.body)) {
    if (blob.digest === parseDigest(emptyDigest)) await putBlob(repository, Buffer.from('{}'));
  }
  await repository.manifests.put(manifest, { ...options, sparse: true });
  return digest;
}

const emptyDigest = 'sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a';
