import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { describeMachine } from '../../bench/machine.ts';
import { run } from '../../bench/support/programs.ts';
import { gantry, gantryAs, gantryOn, type Places, peersHere, type Verb } from '../../bench/tools.ts';
import { atEnd } from '../at-end.ts';
import { folder } from '../folder.ts';
import { needs } from '../peer.ts';

/** Makes a folder the whole PATH until the end of the test. In it, `regctl` prints a version or its arguments. */
async function onlyRegctl(test: TestContext): Promise<void> {
  const path = await folder(test);
  const script = '#!/bin/sh\nif [ "$1" = version ]; then echo "VCSTag: v0.8.3"; else echo "$*"; fi\n';
  await writeFile(join(path, 'regctl'), script, { mode: 0o755 });
  const before = process.env['PATH'];
  process.env['PATH'] = path;
  atEnd(test, () => {
    process.env['PATH'] = before;
  });
}

const places: Places = {
  layout: '/layout',
  from: 'a:1/bench/app:v1',
  to: 'b:2/bench/app:v1',
  tar: '/added.tar',
  tag: 'more',
  tls: false,
  folder: '/folder',
};

/** The command line of each verb. regctl copies no whole repository. */
const lines: Readonly<Partial<Record<Verb, string>>> = {
  push: '--host=reg=b:2,tls=disabled image copy ocidir:///layout:v1 b:2/bench/app:v1',
  pull: '--host=reg=a:1,tls=disabled image copy a:1/bench/app:v1 ocidir:///folder:v1',
  copy: '--host=reg=a:1,tls=disabled --host=reg=b:2,tls=disabled image copy a:1/bench/app:v1 b:2/bench/app:v1',
  tag: '--host=reg=a:1,tls=disabled image copy a:1/bench/app:v1 a:1/bench/app:more',
  digest: '--host=reg=a:1,tls=disabled image digest a:1/bench/app:v1',
  ls: '--host=reg=a:1,tls=disabled tag ls a:1/bench/app',
};

describe('the tools of the bench', () => {
  it('the bench runs only the peers that are named', needs('crane', 'oras'), () => {
    assert.deepEqual(
      peersHere(['oras', 'crane', 'nothing']).map(({ name }) => name),
      ['crane', 'oras'],
    );
  });

  it('the bench runs gantry on another Node and as an executable file beside itself', () => {
    const [line] = process.versions.node.split('.');
    const [node, executable] = [gantryOn(process.execPath), gantryAs('/gantry')];
    assert.equal(node.name, `gantry, Node ${line}`);
    assert.deepEqual(node.program, gantry.program);
    assert.deepEqual(executable.program, ['/gantry']);
  });

  it('the bench runs regctl for each of its verbs, and names its version, if it is in PATH', async (test) => {
    await onlyRegctl(test);
    const tools = peersHere();
    assert.deepEqual(
      tools.map(({ name }) => name),
      ['regctl'],
    );
    const [regctl] = tools;
    const ran = Object.entries(regctl?.verbs ?? {}).map(async ([verb, argumentsFor]) => {
      const [program = '', ...constant] = regctl?.program ?? [];
      const { stdout } = await run(program, [...constant, ...argumentsFor(places)]);
      return [verb, stdout.trim()] as const;
    });
    assert.deepEqual(Object.fromEntries(await Promise.all(ran)), lines);
    assert.match(await describeMachine(), /; regctl v0\.8\.3\.$/);
  });
});
