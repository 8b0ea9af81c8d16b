import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { folder } from '../../test/folder.ts';
import { StorageError } from '../errors.ts';
import { bytesContent, type Content, streamContent } from '../flow/content.ts';
import { digestOf } from '../flow/hash.ts';
import { blobOf, brokenContent, failsWith, noise, read } from '../testing/contract/sample.ts';
import { blobFileContent, blobPath, blobSize, hashFile, type Witness } from './blob-file.ts';
import { FileUpload, type FileUploadOptions, ingestFile } from './upload.ts';

const id = '01234567-89ab-4cde-8f01-23456789abcd';
const bytes = noise(300_000);
const blob = blobOf(bytes);
const noLinks = process.platform === 'win32' ? 'links need rights' : false;

interface Stage {
  readonly options: FileUploadOptions;
  readonly kept: string[];
  readonly forgotten: () => number;
  readonly files: () => Promise<string[]>;
}

async function stage(test: TestContext, more: Partial<FileUploadOptions> = {}): Promise<Stage> {
  const here = await folder(test);
  const kept: string[] = [];
  let forgotten = 0;
  const options: FileUploadOptions = {
    id,
    path: join(here, id),
    algorithm: 'sha256',
    keep: async ({ path }, digest) => {
      kept.push(digest);
      await rm(path);
    },
    forget: async () => {
      forgotten++;
    },
    ...more,
  };
  return { options, kept, forgotten: () => forgotten, files: () => readdir(here) };
}

const broken = new Error('the source broke');
const breaking = (at: number): Content =>
  brokenContent(bytes, at, () => {
    throw broken;
  });

function signalled(): readonly [Promise<void>, () => void] {
  let tell: (() => void) | undefined;
  const promise = new Promise<void>((resolve) => {
    tell = resolve;
  });
  return [promise, () => tell?.()];
}

describe('an upload into a file that fails', () => {
  it('an append that breaks off keeps the bytes that came, and the next one continues after them', async (test) => {
    const { options, kept, files } = await stage(test);
    const upload = await FileUpload.start(options);
    await assert.rejects(upload.append(breaking(1000)), (error) => error === broken);
    assert.equal(upload.offset, 1000);
    assert.deepEqual(
      Buffer.from(await read(streamContent(upload.open()))),
      Buffer.from(bytes.subarray(0, 1000)),
    );
    await upload.append(bytesContent(bytes.subarray(1000)));
    assert.deepEqual(await upload.commit(blob.descriptor.digest), blob.descriptor);
    assert.deepEqual([kept, await files()], [[blob.descriptor.digest], []]);
  });

  it('a commit under a wrong digest ends the session and leaves nothing', async (test) => {
    const { options, kept, forgotten, files } = await stage(test);
    const upload = await FileUpload.start(options);
    await failsWith(upload.commit(blobOf('other').descriptor.digest, blob.content), 'DIGEST_INVALID');
    await failsWith(upload.append(blob.content), 'BLOB_UPLOAD_UNKNOWN');
    await failsWith(upload.commit(blob.descriptor.digest), 'BLOB_UPLOAD_UNKNOWN');
    await upload.cancel();
    assert.deepEqual([kept, forgotten(), await files()], [[], 1, []]);
  });

  it('a commit under another algorithm hashes the file again', async (test) => {
    const { options, kept } = await stage(test);
    const { descriptor } = blobOf(bytes, 'sha512');
    const upload = await FileUpload.start(options);
    await upload.append(bytesContent(bytes));
    assert.deepEqual(await upload.commit(descriptor.digest), descriptor);
    assert.deepEqual(kept, [descriptor.digest]);
  });

  it('a commit that cannot keep the file leaves the session, so that a second commit succeeds', async (test) => {
    let fails = true;
    const full = new StorageError('NO_SPACE', 'the disk is full', { path: '/' });
    const { options, forgotten } = await stage(test, {
      keep: async () => {
        if (fails) throw full;
      },
    });
    const upload = await FileUpload.start(options);
    await assert.rejects(upload.commit(blob.descriptor.digest, blob.content), (error) => error === full);
    assert.equal(forgotten(), 0);
    fails = false;
    assert.deepEqual(await upload.commit(blob.descriptor.digest), blob.descriptor);
    assert.equal(forgotten(), 1);
  });

  it('a session that yields ends on a full disk, so that its bytes free space', async (test) => {
    const full = new StorageError('NO_SPACE', 'the disk is full', { path: '/' });
    const { options, forgotten, files } = await stage(test, {
      yields: true,
      keep: () => Promise.reject(full),
    });
    const upload = await FileUpload.start(options);
    await assert.rejects(upload.commit(blob.descriptor.digest, blob.content), (error) => error === full);
    assert.deepEqual([forgotten(), await files()], [1, []]);
  });

  it('two appends at once go in one after the other, and a waiting one leaves with its signal', async (test) => {
    const { options } = await stage(test);
    const upload = await FileUpload.start(options);
    const end = new AbortController();
    const reason = new Error('gone');
    const first = upload.append(bytesContent(bytes.subarray(0, 100_000)));
    const gone = upload.append(bytesContent(bytes), { signal: end.signal });
    const second = upload.append(bytesContent(bytes.subarray(100_000)));
    end.abort(reason);
    await assert.rejects(gone, (error) => error === reason);
    await Promise.all([first, second]);
    assert.deepEqual(await upload.commit(blob.descriptor.digest), blob.descriptor);
  });

  it('a session in use does not expire, and an ended one cannot expire again', async (test) => {
    const { options, forgotten } = await stage(test);
    const upload = await FileUpload.start(options);
    const [released, release] = signalled();
    const [begun, begin] = signalled();
    const held = streamContent(
      (async function* hold() {
        yield bytes.subarray(0, 10);
        begin();
        await released;
      })(),
    );
    const appending = upload.append(held);
    await begun;
    assert.equal(await upload.expire(0), false);
    release();
    await appending;
    assert.equal(await upload.expire(1e9), false);
    assert.equal(await upload.expire(0), true);
    assert.equal(await upload.expire(0), false);
    assert.equal(forgotten(), 1);
  });

  it('a file that was removed, or replaced by a link or a folder, is an error and no blob', {
    skip: noLinks,
  }, async (test) => {
    for (const harm of [
      async () => undefined,
      (path: string) => symlink('/dev/null', path),
      (path: string) => mkdir(path),
    ]) {
      const { options, kept } = await stage(test);
      const upload = await FileUpload.start(options);
      await upload.append(bytesContent(bytes.subarray(0, 10)));
      await rm(options.path);
      await harm(options.path);
      await failsWith(upload.append(bytesContent(bytes.subarray(10))), 'IO_FAILED');
      await failsWith(upload.append(bytesContent(bytes)), 'IO_FAILED');
      assert.deepEqual(kept, []);
    }
  });

  it('a restored session continues after the bytes in its file, also if a crash has cut them', async (test) => {
    const { options } = await stage(test);
    const upload = await FileUpload.start(options);
    await upload.append(bytesContent(bytes));
    await truncate(options.path, 1234);
    const again = await FileUpload.restore(options);
    assert.equal(again.offset, 1234);
    await again.append(bytesContent(bytes.subarray(1234)));
    assert.deepEqual(await again.commit(blob.descriptor.digest), blob.descriptor);
  });

  it('a second session of the same file is refused', async (test) => {
    const { options } = await stage(test);
    await FileUpload.start(options);
    await failsWith(FileUpload.start(options), 'IO_FAILED');
  });

  it('an ingestion that breaks off leaves nothing and reports the error of the source', async (test) => {
    const { options, files } = await stage(test);
    const ingesting = ingestFile(() => FileUpload.start(options), breaking(10));
    await assert.rejects(ingesting, (error) => error === broken);
    assert.deepEqual(await files(), []);
  });
});

describe('the file of a blob', () => {
  const { digest } = blob.descriptor;

  async function written(test: TestContext): Promise<{ readonly here: string; readonly path: string }> {
    const here = await folder(test);
    const path = blobPath(here, digest);
    await mkdir(join(here, 'blobs', 'sha256'), { recursive: true });
    await writeFile(path, bytes);
    return { here, path };
  }

  const harms: Readonly<Record<string, (path: string) => Promise<void>>> = {
    'was cut': (path) => truncate(path, 1000),
    'has zeros at its end': async (path) => {
      await truncate(path, 1000);
      await truncate(path, bytes.byteLength);
    },
    'has another bit': async (path) => {
      const changed = await readFile(path);
      changed[0] = (changed[0] ?? 0) ^ 1;
      await writeFile(path, changed);
    },
    'is longer': (path) => writeFile(path, 'more', { flag: 'a' }),
    'is empty': (path) => truncate(path, 0),
  };
  for (const [how, harm] of Object.entries(harms)) {
    it(`a blob whose file ${how} is never read to its end, and the witness sees the damage`, async (test) => {
      const { here, path } = await written(test);
      await harm(path);
      const seen: string[] = [];
      const witness: Witness = {
        trusts: () => false,
        sawRight: () => void seen.push('right'),
        sawWrong: () => void seen.push('wrong'),
      };
      const content = blobFileContent(here, digest, { witness });
      await failsWith(read(content), 'DIGEST_INVALID', 'SIZE_INVALID');
      assert.deepEqual(seen, ['wrong']);
      await failsWith(read(blobFileContent(here, blob.descriptor)), 'DIGEST_INVALID', 'SIZE_INVALID');
      const { hasher } = await hashFile(path, 'sha256');
      assert.notEqual(hasher.digest(), digest);
    });
  }

  it('a folder or a link in the place of a blob is no blob and cannot be read', {
    skip: noLinks,
  }, async (test) => {
    const { here, path } = await written(test);
    for (const harm of [() => mkdir(path), () => symlink('/etc/hostname', path)]) {
      await rm(path, { recursive: true });
      await harm();
      assert.equal(await blobSize(here, digest), undefined);
      await failsWith(read(blobFileContent(here, digest)), 'IO_FAILED');
    }
  });

  it('a deleted blob and a missing file are unknown', async (test) => {
    const { here, path } = await written(test);
    await failsWith(read(blobFileContent(here, digest, { gone: () => true })), 'BLOB_UNKNOWN');
    await rm(path);
    await failsWith(read(blobFileContent(here, digest)), 'BLOB_UNKNOWN');
    assert.equal((await hashFile(path, 'sha256')).hasher.digest(), digestOf(new Uint8Array()));
  });

  it('a reading and a hashing end with their signal', async (test) => {
    const { here, path } = await written(test);
    const reason = new Error('enough');
    const signal = AbortSignal.abort(reason);
    await assert.rejects(read(blobFileContent(here, digest), { signal }), (error) => error === reason);
    await assert.rejects(hashFile(path, 'sha256', { signal }), (error) => error === reason);
  });
});
