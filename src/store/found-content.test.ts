import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { bytesContent } from '../flow/content.ts';
import { blobOf, failsWith, listOf, read } from '../testing/contract/sample.ts';
import { foundContent } from './found-content.ts';

const blob = blobOf('content');
const found = { ...bytesContent(blob.bytes), size: blob.descriptor.size };

describe('foundContent', () => {
  it('a blob is looked up when its content is opened, and not before', async () => {
    let there = false;
    const content = foundContent('the place', blob.descriptor, () => (there ? found : undefined));
    assert.equal(content.size, blob.descriptor.size);
    await failsWith(read(content), 'BLOB_UNKNOWN');
    there = true;
    assert.deepEqual(await read(content), blob.bytes);
  });

  it('a part of a blob is the part that the options name', async () => {
    const content = foundContent('the place', blob.descriptor.digest, () => found);
    assert.equal(content.size, undefined);
    const chunks = await listOf(content.open({ from: 1, to: 3 }));
    assert.deepEqual(Buffer.concat(chunks).toString(), 'on');
  });

  it('a descriptor with another size is refused', async () => {
    const wanted = { ...blob.descriptor, size: 1 };
    await failsWith(read(foundContent('the place', wanted, () => found)), 'SIZE_INVALID');
  });

  it('a blob is released after the reading, after a refusal, and when its reader leaves', async () => {
    let open = 0;
    const find = async () => {
      open++;
      return { ...found, close: async () => void open-- };
    };
    await read(foundContent('the place', blob.descriptor, find));
    await failsWith(read(foundContent('the place', { ...blob.descriptor, size: 1 }, find)), 'SIZE_INVALID');
    for await (const _ of foundContent('the place', blob.descriptor, find).open()) break;
    assert.equal(open, 0);
  });

  it('an aborted reading looks nothing up', async () => {
    const reason = new Error('enough');
    const content = foundContent('the place', blob.descriptor, () => assert.fail('looked up'));
    await assert.rejects(listOf(content.open({ signal: AbortSignal.abort(reason) })), (e) => e === reason);
  });
});
