import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { mergeScopes, repositoryScope } from './scope.ts';

describe('repositoryScope', () => {
  it('A scope names a repository and its actions in a fixed order, once', () => {
    assert.equal(repositoryScope('a/b', ['push', 'pull', 'push']), 'repository:a/b:pull,push');
    assert.equal(repositoryScope('a', ['x', 'delete', 'pull']), 'repository:a:pull,delete,x');
    assert.equal(repositoryScope('a', ['pull', '*']), 'repository:a:*');
  });
});

describe('mergeScopes', () => {
  const rows: readonly [name: string, scopes: string[], expected: string[]][] = [
    [
      'put the actions of a resource together',
      ['repository:a:pull', 'repository:a:push,pull'],
      ['repository:a:pull,push'],
    ],
    [
      'put scopes that push first',
      ['repository:b:pull', 'repository:a:pull,push'],
      ['repository:a:pull,push', 'repository:b:pull'],
    ],
    ['keep a text that is no resource scope', ['aws', '*', 'aws'], ['aws', '*']],
    [
      'keep a port in a name',
      ['repository:h:5000/a:pull', 'repository:h:5000/a:push'],
      ['repository:h:5000/a:pull,push'],
    ],
    [
      'keep a class beside its type',
      ['repository(plugin):a:pull', 'repository:a:pull'],
      ['repository(plugin):a:pull', 'repository:a:pull'],
    ],
    ['let a star replace all other actions', ['repository:a:pull', 'repository:a:*'], ['repository:a:*']],
    ['of nothing are empty', [], []],
  ];
  for (const [name, scopes, expected] of rows)
    it(`Merged scopes ${name}`, () => assert.deepEqual(mergeScopes(scopes), expected));

  it('Merged scopes stay the same when they are merged again', () => {
    const scope = fc.oneof(
      fc.constantFrom('aws', '*', 'a:b', ':a:b'),
      fc
        .tuple(fc.constantFrom('a', 'h:1/b'), fc.subarray(['pull', 'push', 'delete', '*']))
        .map(([name, actions]) => repositoryScope(name, actions)),
    );
    fc.assert(
      fc.property(fc.array(scope), (scopes) => {
        const once = mergeScopes(scopes);
        assert.deepEqual(mergeScopes(once), once);
      }),
    );
  });
});
