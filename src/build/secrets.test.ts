import assert from 'node:assert/strict';
import { it } from 'node:test';
import { isNeverTaken } from './secrets.ts';

it('files with secrets, the repository and caches are never taken, and files with similar names are', () => {
  const never = [
    '.git',
    'a/.git',
    '.npmrc',
    'a/.env',
    '.env.local',
    '.envrc',
    'node_modules/.cache',
    'a/node_modules/.cache',
  ];
  const taken = [
    '.gitignore',
    'a/.github',
    'npmrc',
    'env',
    'a.env',
    '.cache',
    'a/.cache',
    'node_modules/a/.cache',
  ];
  assert.deepEqual([...never, ...taken].filter(isNeverTaken), never);
});
