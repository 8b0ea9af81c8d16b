import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createClient } from '../../src/index.ts';
import { listOf } from '../../src/testing/contract/sample.ts';
import { startRegistry } from '../../src/testing/start-registry.ts';
import { pushMade } from '../deletes/images.ts';
import { gantry } from './gantry.ts';

describe('gantry delete', () => {
  it('delete-in-bulk: delete takes several references, names the failed ones, and deletes the others', async () => {
    await using registry = await startRegistry();
    await using client = createClient();
    const app = `${registry.host}/acme/app`;
    await pushMade(client, app, { a: 1, b: 2, c: 3 });
    const partly = await gantry(['delete', `${app}:a`, `${app}:none`, `${app}:b`]);
    assert.equal(partly.code, 1);
    assert.equal(partly.stdout, '');
    assert.match(partly.stderr, /^gantry: .*acme\/app:none.*there is nothing to delete\n$/);
    assert.deepEqual(await listOf(client.tags(app)), ['c']);
    const none = await gantry(['delete', '--json', `${app}:a`, `${app}:b`]);
    assert.equal(none.code, 3);
    assert.deepEqual(
      JSON.parse(none.stdout).failed.map(({ code }: { code: string }) => code),
      ['MANIFEST_UNKNOWN', 'MANIFEST_UNKNOWN'],
    );
    const misspelled = await gantry(['delete', `${app}:c`, `${app}:?`]);
    assert.equal(misspelled.code, 2);
    assert.deepEqual(await listOf(client.tags(app)), ['c']);
  });

  it('delete-in-bulk: --dry-run says what would go and why, and nothing goes', async () => {
    await using registry = await startRegistry();
    await using client = createClient();
    const app = `${registry.host}/acme/app`;
    await pushMade(client, app, { 'pr-1': 40, 'pr-2': 1, timeless: undefined, main: 50 });
    const args = ['--match', 'pr-*,time*', '--older-than', '30d'];
    const dry = await gantry(['delete', ...args, '--dry-run', app]);
    assert.equal(dry.code, 0, dry.stderr);
    const lines = dry.stdout.trimEnd().split('\n').sort();
    assert.equal(lines.length, 2);
    assert.match(lines[0] ?? '', /^kept .*:timeless: .*age is not known$/);
    assert.match(lines[1] ?? '', /^would delete .*:pr-1: it was made \d{4}-.*with the image$/);
    assert.deepEqual((await listOf(client.tags(app))).sort(), ['main', 'pr-1', 'pr-2', 'timeless']);
    const done = await gantry(['delete', '--json', ...args, app]);
    assert.equal(done.code, 0, done.stderr);
    const { deleted, kept, failed, planned, dryRun } = JSON.parse(done.stdout);
    assert.deepEqual(
      { deleted, failed, planned, dryRun },
      { deleted: [`${app}:pr-1`], failed: [], planned: [], dryRun: false },
    );
    assert.equal(kept[0].reference, `${app}:timeless`);
    assert.deepEqual((await listOf(client.tags(app))).sort(), ['main', 'pr-2', 'timeless']);
  });

  it('delete-in-bulk: a repository that is not there is exit code 3, among several one failure', async () => {
    await using registry = await startRegistry();
    await using client = createClient();
    const app = `${registry.host}/acme/app`;
    await pushMade(client, app, { a: 2, b: 1 });
    const none = `${registry.host}/acme/none`;
    for (const args of [[`${none}:1`], ['--keep', '1', none], ['--match', '*', '--dry-run', none]]) {
      const ended = await gantry(['delete', ...args]);
      assert.equal(ended.code, 3, ended.stderr);
    }
    const both = await gantry(['delete', '--keep', '1', none, app]);
    assert.equal(both.code, 1);
    assert.match(both.stdout, /^deleted .*:a: /);
    assert.ok(both.stderr.includes(none));
    assert.deepEqual(await listOf(client.tags(app)), ['b']);
  });

  it('delete-in-bulk: a command line that can not be meant deletes nothing', async () => {
    for (const args of [
      [],
      ['--older-than', 'soon', 'registry.test/a'],
      ['--keep', 'all', 'registry.test/a'],
      ['--match', '[x]', 'registry.test/a'],
      ['--match', '*', 'registry.test/a:tag'],
    ]) {
      assert.equal((await gantry(['delete', ...args])).code, 2, args.join(' '));
    }
  });
});
