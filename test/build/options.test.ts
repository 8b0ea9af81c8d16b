import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { gantry } from '../cli/gantry.ts';
import { buildStage, npmApp, runOf } from './stage.ts';

describe('the options of gantry build', () => {
  it('build sets every member that it has an option for, and takes layers from --cache-from', async (test) => {
    const at = await buildStage(test);
    await at.write(npmApp);
    const words = ['build', at.home, '--base', at.base, '--no-wait', '--json'];
    const first = await gantry([...words, '-t', `${at.host}/first:1`]);
    assert.equal(first.code, 0, first.stderr);
    const run = [
      '--cmd',
      'a,b',
      '--env',
      'A=1,2',
      '--label',
      'x=1,y=2',
      '--user',
      '5:6',
      '--workdir',
      '/srv',
    ];
    const more = ['--expose', '80,53/udp', '--volume', '/data', '--annotation', 'k=v'];
    const second = await gantry([
      ...words,
      ...run,
      ...more,
      '-t',
      at.app,
      '--cache-from',
      `${at.host}/first:1`,
    ]);
    assert.equal(second.code, 0, second.stderr);
    const { Cmd, Env, Labels, User, WorkingDir, ExposedPorts, Volumes } = await runOf(at, at.app);
    assert.deepEqual([Cmd, User, WorkingDir], [['a', 'b'], '5:6', '/srv']);
    assert.deepEqual(Labels, { x: '1', y: '2' });
    assert.ok(Object(Env).includes('A=1,2'));
    assert.deepEqual([ExposedPorts, Volumes], [{ '80/tcp': {}, '53/udp': {} }, { '/data': {} }]);
    const result = JSON.parse(second.stdout);
    const { digest } = await at.client.getDescriptor(at.app);
    assert.deepEqual(result.references, [`${at.host}/app@${digest}`]);
    assert.equal(result.descriptor.digest, digest);
    assert.equal(result.base.digest, (await at.client.getDescriptor(at.base)).digest);
    assert.equal(result.startedBy, 'scripts.start');
    // Another working directory makes other layers.
    assert.deepEqual(
      result.layers.map(({ isReused }: { readonly isReused: boolean }) => isReused),
      [false, false],
    );
    const third = await gantry([...words, '-t', `${at.host}/third:1`, '--cache-from', `${at.host}/first:1`]);
    assert.deepEqual(
      JSON.parse(third.stdout).layers.map(({ isReused }: { readonly isReused: boolean }) => isReused),
      [true, true],
    );
  });
});
