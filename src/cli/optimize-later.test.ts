import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { describe, it } from 'node:test';

const module = new URL('./optimize-later.js', import.meta.url).href;

/** Runs a function often in another process, and returns whether V8 has optimized it. */
function isOptimized(before: string): boolean {
  const program = `
    import { optimizeLater } from '${module}';
    ${before}
    let sum = 0;
    function busy(at) { sum += at % 7; }
    for (let at = 0; at < 30_000; at++) busy(at);`;
  const flags = ['--trace-opt', '--no-concurrent-recompilation', '--input-type=module', '--eval', program];
  return /completed compiling .*busy/.test(execFileSync(process.execPath, flags, { encoding: 'utf8' }));
}

describe('optimizeLater', () => {
  const isOld = process.version.startsWith('v20.');
  const skip = isOld ? false : 'only Node 20 optimizes early';

  it('V8 optimizes a function later on Node 20', { skip }, () => {
    assert.equal(isOptimized(''), true);
    assert.equal(isOptimized('optimizeLater();'), false);
  });

  it('no Node reports an unknown flag', () => {
    const program = `import { optimizeLater } from '${module}'; optimizeLater();`;
    const { stderr, status } = spawnSync(process.execPath, ['--input-type=module', '--eval', program]);
    assert.deepEqual([status, String(stderr)], [0, '']);
  });
});
