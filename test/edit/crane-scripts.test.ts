import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { isInPath, run } from '../../bench/support/programs.ts';
import { command } from '../cli/gantry.ts';
import { folder } from '../folder.ts';
import { file, imageOf, put, putIndex, stage, tarOf } from './stage.ts';

/*
 * The behaviour that crane's own end-to-end scripts ask for (cmd/crane/rebase_test.sh and index_test.sh), with the same words,
 * and `gantry` for `crane`.
 */

/** Layers from pipes, a base that annotations name, and `export` to tar. */
const rebaseSteps = `first=$(crane append -f <(layer a) -t "$HOST/base")
app=$(crane append -f <(layer top) -b "$first" -t "$HOST/app")
app=$(crane mutate "$app" --annotation "org.opencontainers.image.base.name=$HOST/base" \\
  --annotation "org.opencontainers.image.base.digest=$(crane digest "$HOST/base")")
crane append -f <(layer b) -t "$HOST/base" > /dev/null
rebased=$(crane rebase "$app")
crane export "$rebased" - | tar -tf -
crane export "$rebased" - | tar -xOf - files/b.txt
crane export "$rebased" - | tar -xOf - files/top.txt
if crane export "$rebased" - | tar -xOf - files/a.txt 2> /dev/null; then exit 9; fi
`;

/** All layers of an image without a base come on top of another image. */
const scratchSteps = `common=$(crane append -f <(layer one) -t "$HOST/common")
common=$(crane append -f <(layer two) -b "$common" -t "$HOST/common")
target=$(crane append -f <(layer base) -t "$HOST/target")
merged=$(crane rebase --old_base scratch --new_base "$target" "$common")
for name in one two base; do crane export "$merged" - | tar -xOf - "files/$name.txt"; done
crane manifest "$merged" | grep -o tar+gzip | wc -l
`;

/** Archives and images of a registry in indexes: in a new folder, in one named like a file, in an existing one, and nested. */
const indexSteps = `crane pull --platform linux/amd64 "$HOST/one:1" one.tar
crane pull --platform linux/amd64 "$HOST/two:1" two.tar
count() { crane index list "$1" | grep -c sha256:; }
crane index append ./both one.tar two.tar > /dev/null; count ./both
crane index append ./named.tar one.tar > /dev/null; test -d named.tar; count ./named.tar
crane index append ./named.tar two.tar > /dev/null; count ./named.tar
if crane index append ./one.tar two.tar 2> /dev/null; then exit 9; fi
crane index append ./remote two.tar "$HOST/index:1" > /dev/null; count ./remote
crane index append -m one.tar -t "$HOST/made:1" > /dev/null; count "$HOST/made:1"
crane index append "$HOST/made:1" -m "$HOST/index:1" -t "$HOST/made:1" > /dev/null; count "$HOST/made:1"
crane index append -m one.tar -t "$HOST/docker:1" --docker-empty-base > /dev/null
crane manifest "$HOST/docker:1" | grep -o application/vnd.docker.distribution.manifest.list.v2+json
crane index append ./nested -m two.tar -m "$HOST/index:1" --flatten=false > /dev/null; count ./nested
crane index list ./nested | grep -o linux/amd64 | head -1
`;

const amd64 = { os: 'linux', architecture: 'amd64' };
const missing = !isInPath('bash') || !isInPath('tar');
const machine = { skip: missing && 'needs bash and tar' };

/** Runs steps in bash, and returns the lines on stdout. */
async function linesOf(test: TestContext, host: string, steps: string): Promise<readonly string[]> {
  const home = await folder(test);
  await mkdir(join(home, 'files'));
  const start = `set -euo pipefail
cd '${home}'
crane() { ${command.map((word) => `'${word}'`).join(' ')} "$@"; }
layer() { echo "$1" > "files/$1.txt"; tar -cf - files; rm "files/$1.txt"; }
`;
  await writeFile(join(home, 'steps'), start + steps);
  const { code, stdout, stderr } = await run('bash', [join(home, 'steps')], { env: { HOST: host } });
  assert.equal(code, 0, stderr);
  return stdout.trim().split('\n');
}

describe("crane's end-to-end scripts with gantry in its place", () => {
  it('A rebase by annotations replaces the layer of the base.', machine, async (test) => {
    const { host } = await stage(test);
    const lines = await linesOf(test, host, rebaseSteps);
    assert.deepEqual(lines, ['files/', 'files/b.txt', 'files/top.txt', 'b', 'top']);
  });

  it('A rebase from scratch puts all layers of an image on another one.', machine, async (test) => {
    const { host } = await stage(test);
    const lines = await linesOf(test, host, scratchSteps);
    assert.deepEqual(lines, ['one', 'two', 'base', '3']);
  });

  it('Indexes are made of archives and images, and appended to.', machine, async (test) => {
    const at = await stage(test);
    const one = imageOf({ layers: [await tarOf(file('one', 'one'))] });
    const two = imageOf({ layers: [await tarOf(file('two', 'two'))] });
    const other = imageOf({ layers: [await tarOf(file('o', 'o'))], config: { architecture: 'arm64' } });
    await put(at, 'one', one);
    await put(at, 'two', two);
    await putIndex(at, 'index', [
      { image: imageOf({ layers: [await tarOf(file('i', 'i'))] }), entry: { platform: amd64 } },
      { image: other, entry: { platform: { os: 'linux', architecture: 'arm64' } } },
    ]);
    const list = 'application/vnd.docker.distribution.manifest.list.v2+json';
    const lines = await linesOf(test, at.host, indexSteps);
    assert.deepEqual(lines, ['2', '1', '2', '3', '1', '3', list, '2', 'linux/amd64']);
  });
});
