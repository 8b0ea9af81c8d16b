import assert from 'node:assert/strict';
import { lutimes, symlink, utimes, writeFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { atEnd } from '../../test/at-end.ts';
import { newHolder } from './holder.ts';
import { lockPath, notLinux, release, short, what } from './lock.test.support.ts';
import { takeLock } from './lock.ts';

const now = (): number => Date.now() / 1000;
const jumping = (count: number): number => (count % 2) * 4e9 + count;

describe('a lock file', () => {
  const { pid, host, start } = newHolder();
  const old = { pid, host, start };
  const mine = { ...newHolder(), token: 'x' };
  const elsewhere = { ...mine, host: 'elsewhere.invalid', boot: 'another boot', start: '1' };
  const dead = { ...mine, pid: 2 ** 22 + 1 };
  const rows = [
    { name: 'of a process id that was used again', holder: { ...mine, start: '1' }, linux: true, free: true },
    { name: 'of a process that has ended', holder: dead, free: true },
    {
      name: 'of a process that has ended, under another host name',
      holder: { ...dead, host: 'a.invalid' },
      linux: true,
      free: true,
    },
    { name: 'of this process', holder: mine, free: false },
    {
      name: 'of this process, under another host name',
      holder: { ...mine, host: 'a.invalid' },
      linux: true,
      free: false,
    },
    { name: 'of another host that gives no heartbeat', holder: elsewhere, free: true },
    { name: 'of another host with a time long ago', holder: elsewhere, time: 0, free: true },
    { name: 'of another host with a time to come', holder: elsewhere, time: 4e9, free: true },
    {
      name: 'of another container with the same host name and process id',
      holder: { ...mine, space: 'pid:[1]' },
      linux: true,
      free: true,
    },
    { name: 'of this host without its boot', holder: { ...old, token: 'x' }, free: false },
    {
      name: 'of a process long ago without its boot',
      holder: { ...old, pid: dead.pid },
      free: true,
    },
    {
      name: 'of another host, made on a full disk, that gives no heartbeat',
      link: '7.1.0123abcd.0123abcd',
      linux: true,
      free: true,
    },
    { name: 'without content', holder: undefined, free: true },
    { name: 'with other content', holder: 'what', free: true },
  ];
  for (const { name, holder: held, link, time, linux = false, free } of rows) {
    it(`a lock file ${name} is ${free ? 'taken over' : 'respected'}`, {
      skip: linux && notLinux,
    }, async (test) => {
      const path = await lockPath(test);
      if (link !== undefined) await symlink(link, path);
      else await writeFile(path, held === undefined ? '' : JSON.stringify(held));
      if (time !== undefined) await utimes(path, time, time);
      const taken = takeLock(path, { what, rhythm: short });
      if (free) await release(await taken);
      else await assert.rejects(taken, { code: 'IN_USE' });
    });
  }

  const text = JSON.stringify(elsewhere);
  const beats = [
    { name: 'a file that changes', make: (path: string) => writeFile(path, text), time: now },
    {
      name: 'a file that changes under a clock that jumps',
      make: (path: string) => writeFile(path, text),
      time: jumping,
    },
    {
      name: 'a link that changes, as one made on a full disk,',
      make: (path: string) => symlink('7.1.0123abcd.0123abcd', path),
      time: now,
    },
  ];
  for (const { name, make, time } of beats) {
    it(`lock-with-a-heartbeat: ${name} is the heartbeat of a holder elsewhere, which is respected`, async (test) => {
      const path = await lockPath(test);
      await make(path);
      let count = 0;
      const beating = setInterval(() => {
        count++;
        void lutimes(path, time(count), time(count)).catch(() => undefined);
      }, 20);
      atEnd(test, () => clearInterval(beating));
      const advice = /wait until it has ended, or end it/;
      await assert.rejects(takeLock(path, { what }), { code: 'IN_USE', message: advice });
    });
  }
});
