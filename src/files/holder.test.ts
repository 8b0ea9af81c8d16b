import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { createJudge } from './heartbeat.ts';
import { formatShort, type Holder, isSame, lifeOf, newHolder, parseHolder, parseShort } from './holder.ts';

/** A process of this machine that has ended. */
async function ended(): Promise<number> {
  const child = spawn(process.execPath, ['-e', '']);
  await once(child, 'close');
  assert(child.pid !== undefined);
  return child.pid;
}

const elsewhere: Holder = {
  pid: process.pid,
  host: 'a host of nobody',
  boot: 'another boot',
  space: 'pid:[1]',
  token: 'a token',
};

describe('the holder of a lock', () => {
  it('this process runs', () => {
    assert.equal(lifeOf(newHolder()), 'runs');
  });

  it('a process that has ended, and a process id of zero or below, have ended', async () => {
    const pid = await ended();
    assert.equal(lifeOf({ ...newHolder(), pid }), 'ended');
    assert.equal(lifeOf({ ...newHolder(), pid: 0 }), 'ended');
    assert.equal(lifeOf({ ...newHolder(), pid: -1 }), 'ended');
  });

  it('a process id that another process has by now belongs to a holder that has ended', {
    skip: process.platform === 'linux' ? false : 'only Linux tells the start of a process',
  }, () => {
    assert.equal(lifeOf({ ...newHolder(), start: '1' }), 'ended');
  });

  it('a process of another machine or of another container is invisible', () => {
    assert.equal(lifeOf(elsewhere), 'unseen');
    if (process.platform === 'linux') assert.equal(lifeOf({ ...newHolder(), space: 'pid:[1]' }), 'unseen');
  });

  it('a holder without a boot is judged by the name of its host', () => {
    const { boot: _, space: __, start: ___, ...bare } = newHolder();
    assert.equal(lifeOf(bare), 'runs');
    assert.equal(lifeOf({ ...bare, host: 'a host of nobody' }), 'unseen');
  });

  it('the text of a holder gives the holder again, in the long and in the short form', () => {
    const mine = newHolder();
    assert.deepEqual(parseHolder(JSON.stringify(mine)), mine);
    const short = formatShort(mine);
    // File systems keep fewer than 60 bytes in an inode.
    assert.ok(short.length < 60, short);
    const again = parseShort(short);
    assert(again !== undefined);
    assert.equal(lifeOf(again), 'runs');
    assert.equal(isSame(mine, again), true);
    assert.equal(isSame(newHolder(), again), false);
  });

  it('the short form of a process elsewhere is invisible', () => {
    const again = parseShort(formatShort({ ...elsewhere, token: newHolder().token }));
    assert(again !== undefined);
    assert.equal(lifeOf(again), 'unseen');
  });

  for (const text of [
    '',
    '{',
    'null',
    '[]',
    '{"pid":"1","host":"h","token":"t"}',
    '{"pid":1.5,"host":"h","token":"t"}',
    '{"pid":1,"host":1,"token":"t"}',
    '{"pid":1,"host":"h"}',
    '\0'.repeat(100),
  ]) {
    it(`the text ${JSON.stringify(text).slice(0, 40)} describes no holder`, () => {
      assert.equal(parseHolder(text), undefined);
      assert.equal(parseShort(text), undefined);
    });
  }

  it('a token that is a beginning of another one, and not its short form, is another holder', () => {
    const mine = newHolder();
    assert.equal(isSame(mine, { ...mine, token: mine.token.slice(0, 7) }), false);
    assert.equal(isSame(mine, { ...mine, token: '' }), false);
  });
});

describe('the judgement of a lock', () => {
  it('a visible holder is judged by its process, however long its heart stands still', async () => {
    const judge = createJudge({ beat: 1, silence: 0 });
    const holder = newHolder();
    for (let n = 0; n < 3; n++) assert.equal(judge.judge({ holder, pulse: 'same' }), 'alive');
    assert.equal(judge.judge({ holder: { ...holder, pid: await ended() }, pulse: 'another' }), 'dead');
  });

  it('an invisible holder is doubtful until its heart beats, and then alive', () => {
    const judge = createJudge({ beat: 1, silence: 1e9 });
    assert.equal(judge.judge({ holder: elsewhere, pulse: '1' }), 'doubtful');
    assert.equal(judge.judge({ holder: elsewhere, pulse: '1' }), 'doubtful');
    assert.equal(judge.judge({ holder: elsewhere, pulse: '2' }), 'alive');
    assert.equal(judge.judge({ holder: elsewhere, pulse: '2' }), 'alive');
  });

  it('an invisible holder, or a file that names none, is dead after the silence', () => {
    for (const holder of [elsewhere, undefined]) {
      const judge = createJudge({ beat: 1, silence: 0 });
      assert.equal(judge.judge({ holder, pulse: '1' }), 'doubtful');
      assert.equal(judge.judge({ holder, pulse: '1' }), 'dead');
      assert.equal(judge.judge({ holder, pulse: '2' }), 'alive');
    }
  });
});
