import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { isGantryError } from '../../errors.ts';
import { createPattern, isPattern } from './pattern.ts';
import { type Right, type Rule, rightsOf } from './rules.ts';
import { openRules, parseRules } from './rules-file.ts';

describe('a pattern of repositories', () => {
  const rows: readonly [pattern: string, name: string, matches: boolean][] = [
    ['app', 'app', true],
    ['app', 'apps', false],
    ['app', 'team/app', false],
    ['team/*', 'team/app', true],
    ['team/*', 'team/app/web', false],
    ['team/*', 'team', false],
    ['team/*', 'teams/app', false],
    ['team/**', 'team/app', true],
    ['team/**', 'team/app/web', true],
    ['team/**', 'team', false],
    ['**', 'a/b/c', true],
    ['**/web', 'a/b/web', true],
    ['**/web', 'web', false],
    ['a*c', 'abc', true],
    ['a*c', 'a/c', false],
    ['a**c', 'a/b/c', true],
    ['*-test', 'app-test', true],
    ['*-test', 'x/app-test', false],
    ['a.c', 'abc', false],
  ];
  for (const [pattern, name, matches] of rows) {
    it(`${pattern} ${matches ? 'has' : 'has not'} ${name}`, () => {
      assert.equal(createPattern(pattern)(name), matches);
    });
  }

  it('a pattern matches names with any text in place of its stars', () => {
    const part = fc.stringMatching(/^[a-z0-9]{1,6}$/);
    fc.assert(
      fc.property(fc.array(part, { minLength: 1, maxLength: 20 }), (parts) => {
        assert.ok(isPattern(parts.join('*')));
        assert.ok(createPattern(parts.join('*'))(parts.join('-')));
        assert.ok(createPattern(parts.join('**'))(parts.join('/')));
      }),
    );
  });

  it('many stars take no longer to match', () => {
    assert.equal(createPattern('*a'.repeat(127))('a'.repeat(254).concat('b')), false);
  });

  for (const text of ['', 'Team/app', 'a***', 'a b', 'a'.repeat(256), 'a?', '^a$']) {
    it(`${JSON.stringify(text.slice(0, 20))} is no pattern`, () => assert.equal(isPattern(text), false));
  }
});

describe('rules of access', () => {
  const rules: readonly Rule[] = [
    { repositories: ['team/**'], users: ['alice'], allow: ['pull', 'push'] },
    { repositories: ['team/**'], users: ['bob'], allow: ['create'] },
    { repositories: ['team/app'], users: ['bob'], allow: ['delete'] },
    { repositories: ['shared/*'], users: ['*'], allow: ['pull'] },
    { repositories: ['public/**'], anonymous: true, allow: ['pull'] },
  ];
  const rows: readonly [user: string | undefined, right: Right, repository: string, may: boolean][] = [
    ['alice', 'pull', 'team/app', true],
    ['alice', 'create', 'team/app', true],
    ['alice', 'delete', 'team/app', false],
    ['alice', 'pull', 'other', false],
    ['bob', 'create', 'team/app', true],
    ['bob', 'push', 'team/app', false],
    ['bob', 'pull', 'team/app', false],
    ['bob', 'delete', 'team/app', true],
    ['bob', 'delete', 'team/other', false],
    ['carol', 'pull', 'shared/app', true],
    ['*', 'pull', 'team/app', false],
    [undefined, 'pull', 'shared/app', false],
    [undefined, 'pull', 'public/a/b', true],
    ['carol', 'pull', 'public/a/b', true],
    [undefined, 'push', 'public/a/b', false],
  ];
  for (const [user, right, repository, may] of rows) {
    it(`${user ?? 'nobody'} ${may ? 'may' : 'may not'} ${right} in ${repository}`, () => {
      assert.equal(rightsOf(rules, user).may(right, repository), may);
    });
  }

  it('know who may read everything, and who may do nothing at all', () => {
    const all = rightsOf([{ repositories: ['**'], users: ['*'], allow: ['pull'] }], 'alice');
    assert.deepEqual([all.pullAll, all.some], [true, true]);
    const none = rightsOf([{ repositories: ['**'], users: ['*'], allow: ['pull'] }], undefined);
    assert.deepEqual([none.pullAll, none.some], [false, false]);
    assert.equal(rightsOf([{ repositories: ['**'], users: ['*'], allow: ['push'] }], 'alice').pullAll, false);
  });
});

const good = `# comment
rules:
  - repositories: [team/**, "other"]
    users: [alice, "42"]
    allow: [pull, push]
  - repositories: ["**"]
    anonymous: true
    allow: [pull]
`;

const rule = (fields: string): string => `rules:\n  - repositories: [a]\n    users: [b]\n    ${fields}`;

describe('a file of rules', () => {
  it('a file of rules is read', async () => {
    assert.deepEqual(await parseRules(good, { file: 'f' }), [
      {
        repositories: ['team/**', 'other'],
        users: ['alice', '42'],
        anonymous: false,
        allow: ['pull', 'push'],
      },
      { repositories: ['**'], anonymous: true, allow: ['pull'] },
    ]);
  });

  it('a file of rules may allow nothing', async () => {
    assert.deepEqual(await parseRules('rules: []', { file: 'f' }), []);
  });

  const wrong: readonly [what: string, text: string, line: number][] = [
    ['nothing', '', 1],
    ['a list', '- a', 1],
    ['a text', 'rules', 1],
    ['no YAML', 'rules: [a', 1],
    ['an unknown field', 'rules: []\nother: 1', 2],
    ['a field twice', 'rules: []\nrules: []', 2],
    ['rules that are no list', 'rules: {}', 1],
    ['a rule that is a text', 'rules:\n  - pull', 2],
    ['a rule without rights', rule(''), 2],
    ['no rights', rule('allow: []'), 4],
    ['an unknown right', rule('allow: [pull, write]'), 4],
    ['rights that are a text', rule('allow: pull'), 4],
    ['rights without a value', rule('allow:'), 4],
    ['a field that nothing follows', '? rules', 1],
    ['an empty entry', 'rules: [a, , b]', 1],
    ['an unknown field of a rule', rule('allow: [pull]\n    deny: [push]'), 5],
    ['a rule for nobody', 'rules:\n  - repositories: [a]\n    allow: [pull]', 2],
    ['anonymous that is a text', rule('allow: [pull]\n    anonymous: "yes"'), 5],
    ['a pattern that is none', 'rules:\n  - repositories:\n      - a\n      - A\n', 4],
    ['a user that is a number', 'rules:\n  - users: [42]\n    repositories: [a]\n    allow: [pull]', 2],
    ['a user with a colon', 'rules:\n  - users: ["a:b"]\n    repositories: [a]\n    allow: [pull]', 2],
    ['an alias', 'rules:\n  - users: &u [a]\n    repositories: *u\n    allow: [pull]', 3],
    ['an empty user', 'rules:\n  - users: [""]\n    repositories: [a]\n    allow: [pull]', 2],
    ['a user without a value', 'rules:\n  - users: [a, ~]\n    repositories: [a]\n    allow: [pull]', 2],
    ['a repository without a value', 'rules:\n  - repositories: [~]\n    allow: [pull]', 2],
    ['a star without quotes', 'rules:\n  - users: [*]\n', 2],
    ['lists in lists without end', '['.repeat(100_000), 1],
    ['two documents', 'rules: []\n---\nrules: []', 2],
    ['a tag of another type', 'rules: !!set {a}', 1],
  ];
  for (const [what, text, line] of wrong) {
    it(`a file of rules with ${what} is refused, naming the line`, async () => {
      await assert.rejects(parseRules(text, { file: 'my rules' }), (error) => {
        assert.ok(isGantryError(error, 'INVALID_OPTION'), String(error));
        assert.ok(error.message.startsWith(`my rules:${line}: `), error.message);
        return true;
      });
    });
  }

  it('a file of rules that is too long is refused', async () => {
    await assert.rejects(parseRules('#'.repeat(1024 * 1024 + 1), { file: 'f' }), { code: 'INVALID_OPTION' });
  });

  it('a changed file of rules is read again, and the last valid one stays in effect', async () => {
    const problems: unknown[] = [];
    let text = 'rules: []';
    const rules = await openRules(async () => text, {
      file: 'f',
      onProblem: (error) => problems.push(error),
    });
    const before = await rules();
    assert.equal(await rules(), before);
    text = good;
    assert.equal((await rules()).length, 2);
    text = 'rules: [';
    assert.equal((await rules()).length, 2);
    assert.equal((await rules()).length, 2);
    assert.equal(problems.length, 1);
    text = 'rules: []';
    assert.deepEqual(await rules(), []);
  });

  it('a file of rules that becomes unreadable is reported once, and one that is unreadable at the start is refused', async () => {
    const problems: unknown[] = [];
    let gone = false;
    const read = async (): Promise<string> => {
      if (gone) throw new Error('gone');
      return good;
    };
    const rules = await openRules(read, { onProblem: (error) => problems.push(error) });
    gone = true;
    assert.equal((await rules()).length, 2);
    await rules();
    assert.equal(problems.length, 1);
    await assert.rejects(openRules(read), /gone/);
  });

  it('any text is a file of rules or a refusal, and never another error', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.string({ unit: fc.constantFrom(...Array.from('rules: []-{}&*!|>"\'\n#ab,?%@`')) }),
        async (text) => {
          try {
            await parseRules(text, { file: 'f' });
          } catch (error) {
            assert.ok(isGantryError(error, 'INVALID_OPTION'), String(error));
          }
        },
      ),
    );
  });
});
