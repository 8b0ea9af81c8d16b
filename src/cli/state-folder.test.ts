import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { uploadsFolder, userStateFolder } from './state-folder.ts';

const home = { HOME: '/home/me' };

describe('the state folder', () => {
  const rows: readonly (readonly [
    title: string,
    env: NodeJS.ProcessEnv,
    system: NodeJS.Platform,
    folder: string | undefined,
  ])[] = [
    ['is in the home folder', home, 'linux', '/home/me/.local/state/gantry'],
    ['follows XDG_STATE_HOME', { ...home, XDG_STATE_HOME: '/state' }, 'linux', '/state/gantry'],
    [
      'ignores a relative XDG_STATE_HOME',
      { ...home, XDG_STATE_HOME: 'state' },
      'linux',
      '/home/me/.local/state/gantry',
    ],
    ['is in the Library of a Mac', home, 'darwin', '/home/me/Library/Application Support/gantry'],
    ['is in the local data of Windows', { ...home, LOCALAPPDATA: '/local' }, 'win32', '/local/gantry'],
    [
      'is the one of GANTRY_STATE_DIR',
      { ...home, XDG_STATE_HOME: '/state', GANTRY_STATE_DIR: 'mine' },
      'linux',
      'mine',
    ],
    ['does not exist with GANTRY_STATE_DIR=none', { ...home, GANTRY_STATE_DIR: 'none' }, 'linux', undefined],
  ];
  for (const [title, env, system, folder] of rows) {
    it(`the state folder ${title}`, () => {
      assert.equal(userStateFolder(env, system), folder === undefined ? undefined : join(folder));
    });
  }

  it('the notes of uploads have a folder of their own in the state folder', () => {
    assert.equal(uploadsFolder({ GANTRY_STATE_DIR: 'mine' }), join('mine', 'uploads'));
    assert.equal(uploadsFolder({ GANTRY_STATE_DIR: 'none' }), undefined);
  });
});
