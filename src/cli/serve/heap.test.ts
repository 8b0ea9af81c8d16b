import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { boundHeap, heapGrowth } from './heap.ts';

const otherEngine = process.versions['bun'] === undefined ? false : 'Bun has no V8';

describe('the heap of a process that serves', { skip: otherEngine }, () => {
  it('this Node knows the flag for the growth of the heap', () => {
    const { status, stderr } = spawnSync(process.execPath, [heapGrowth, '-e', '0'], { encoding: 'utf8' });
    assert.deepEqual([status, stderr], [0, '']);
  });

  it('the growth of the heap can be bounded in a running process, and again', () => {
    boundHeap();
    boundHeap();
  });
});
