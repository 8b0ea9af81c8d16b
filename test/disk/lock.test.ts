import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { atEnd } from '../at-end.ts';
import { command, finished, saidOnStderr, startProgram } from '../cli/gantry.ts';
import { folder } from '../folder.ts';

const container = ['--uts', '--pid', '--fork', '--kill-child', '--mount-proc'];
const noContainers =
  spawnSync('unshare', [...container, 'true'], { stdio: 'ignore' }).status === 0
    ? false
    : 'no process may have a host name and process ids of its own here';

/** Serves as Docker and Kubernetes do: as process 1, under a host name that is new at each start. */
function serveInContainer(host: string, store: string): ReturnType<typeof startProgram> {
  const script = 'hostname "$0" && exec "$@"';
  const serve = [...command, 'serve', '--address', '127.0.0.1:0', '--disk', store];
  return startProgram('unshare', [...container, 'sh', '-c', script, host, ...serve]);
}

describe('the store of a container', { skip: noContainers }, () => {
  it('lock-after-kill-in-a-container: a store is served again from another container, and never from two', async (test) => {
    const store = await folder(test);
    const first = serveInContainer('gantry-0.invalid', store);
    atEnd(test, () => first.kill('SIGKILL'));
    await saidOnStderr(first, /serving on port \d+/);

    const refused = await finished(serveInContainer('gantry-1.invalid', store));
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /in use by process 1 on gantry-0\.invalid .*: wait until it has ended/);

    first.kill('SIGKILL');
    const second = serveInContainer('gantry-2.invalid', store);
    atEnd(test, () => second.kill('SIGKILL'));
    await saidOnStderr(second, /serving on port \d+/);
  });
});
