import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { isInPath, run } from '../../bench/support/programs.ts';
import { command } from '../cli/gantry.ts';
import { folder } from '../folder.ts';
import { stage } from './stage.ts';

/** The steps of crane's own end-to-end test of `rebase`: layers from pipes, a base that annotations name, `export` to tar. */
const rebaseSteps = `set -euo pipefail
crane() { ${command.map((word) => `'${word}'`).join(' ')} "$@"; }
layer() { echo "$1" > "files/$1.txt"; tar -cf - files; rm "files/$1.txt"; }
first=$(crane append -f <(layer a) -t "$HOST/base")
app=$(crane append -f <(layer top) -b "$first" -t "$HOST/app")
app=$(crane mutate "$app" --annotation "org.opencontainers.image.base.name=$HOST/base" \\
  --annotation "org.opencontainers.image.base.digest=$(crane digest "$HOST/base")")
crane append -f <(layer b) -t "$HOST/base" > /dev/null
rebased=$(crane rebase "$app")
crane export "$rebased" - | tar -tf -
crane export "$rebased" - | tar -xOf - files/b.txt
crane export "$rebased" - | tar -xOf - files/top.txt
`;

const here = !isInPath('bash') || !isInPath('tar');

describe("crane's end-to-end tests with gantry in its place", () => {
  it('A rebase by annotations replaces the layer of the base.', {
    skip: here && 'needs bash',
  }, async (test) => {
    const { host } = await stage(test);
    const home = await folder(test);
    await mkdir(join(home, 'files'));
    await writeFile(join(home, 'steps'), `cd '${home}'\n${rebaseSteps}`);
    const { code, stdout, stderr } = await run('bash', [join(home, 'steps')], { env: { HOST: host } });
    assert.equal(code, 0, stderr);
    assert.deepEqual(stdout.trim().split('\n'), ['files/', 'files/b.txt', 'files/top.txt', 'b', 'top']);
  });
});
