import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Image, PruneOptions } from '../../src/index.ts';
import { bytesContent, createImage, createIndex, createLayer } from '../../src/index.ts';
import { giveImage, listOf } from '../../src/testing/contract/sample.ts';
import { answer, errorAnswer } from '../../src/wire/reply.ts';
import { refuses } from '../faults/spoil.ts';
import { isTag, stage } from '../quirks/stage.ts';
import { daysAgo, imageMade, outcomes } from './images.ts';

const day = 86_400_000;

/** Returns the tags of a list of referrers and of a signature by cosign. */
function tagsOn(digest: string): readonly string[] {
  return ['', '.sig'].map((end) => `${digest.replace(':', '-')}${end}`);
}

describe('prune where a registry has habits', () => {
  const refusals = [
    ['405', () => answer(405)],
    ['400 UNSUPPORTED', () => errorAnswer('UNSUPPORTED', 'no', { status: 400 })],
    ['400 DIGEST_INVALID', () => errorAnswer('DIGEST_INVALID', 'invalid digest')],
  ] as const;
  for (const [name, refusal] of refusals) {
    it(`delete-in-bulk: prune keeps an image with a kept tag if the registry cannot delete a tag: ${name}`, async () => {
      const { client, name: app } = stage({
        quirk: refuses((operation) =>
          operation.kind === 'manifest.delete' && isTag(operation.reference) ? refusal() : undefined,
        ),
      });
      await client.pushImage(`${app}:stable`, imageMade('one'));
      await client.tag(`${app}:stable`, 'pr-1');
      await client.pushImage(`${app}:pr-2`, imageMade('two'));
      assert.deepEqual(outcomes(await listOf(client.prune(app, { match: 'pr-*' }))), [
        'kept pr-1',
        'deleted pr-2',
      ]);
      assert.deepEqual(await listOf(client.tags(app)), ['pr-1', 'stable']);
    });
  }

  it('delete-in-bulk: prune deletes the tags first if the registry deletes no image with a tag', async () => {
    let tags = 2;
    const { client, name, inside } = stage({
      quirk: refuses((operation) => {
        if (operation.kind !== 'manifest.delete') return undefined;
        if (isTag(operation.reference)) tags--;
        return tags > 0 && !isTag(operation.reference) ? errorAnswer('DENIED', 'it has tags') : undefined;
      }),
    });
    const { digest } = await client.pushImage(`${name}:a`, imageMade('one'));
    await client.tag(`${name}:a`, 'b');
    assert.deepEqual(outcomes(await listOf(client.prune(name, { match: '*' }))), ['deleted a', 'deleted b']);
    assert.equal(await inside.manifests.resolve(digest), undefined);
  });

  it('delete-in-bulk: prune also deletes the tags that a registry leaves behind', async () => {
    const { client, name } = stage({
      quirk: refuses((operation) =>
        operation.kind === 'manifest.delete' && !isTag(operation.reference) ? answer(202) : undefined,
      ),
    });
    await client.pushImage(`${name}:a`, imageMade('one'));
    assert.deepEqual(outcomes(await listOf(client.prune(name, { match: 'a' }))), ['deleted a']);
    assert.deepEqual(await listOf(client.tags(name)), []);
  });

  it('delete-in-bulk: prune deletes tags alone if it cannot read a kept one, and reports each failure', async () => {
    let broken = true;
    const { client, name, inside } = stage({
      quirk: refuses((operation) => {
        if (operation.kind === 'manifest.head' && operation.reference === 'secret' && broken)
          return errorAnswer('DENIED', 'not this one');
        if (operation.kind === 'manifest.delete' && operation.reference === 'pr-2')
          return errorAnswer('DENIED', 'protected');
        return undefined;
      }),
    });
    const { digest } = await client.pushImage(`${name}:pr-1`, imageMade('one'));
    await client.tag(`${name}:pr-1`, ['pr-2', 'secret']);
    const found = await listOf(client.prune(name, { match: 'pr-*' }));
    assert.deepEqual(outcomes(found), ['deleted pr-1', 'failed pr-2']);
    assert.equal(found.find(({ error }) => error !== undefined)?.error?.code, 'DENIED');
    broken = false;
    assert.notEqual(await inside.manifests.resolve(digest), undefined);
    assert.ok(await client.exists(`${name}:secret`));
  });

  it('delete-in-bulk: prune keeps signatures and lists of referrers, or deletes them with their image', async () => {
    const { client, name, inside } = stage({ quirk: (next) => next });
    const { digest: gone } = await client.pushImage(`${name}:old`, imageMade('old', daysAgo(9)));
    const { digest: stays } = await client.pushImage(`${name}:new`, imageMade('new', daysAgo(1)));
    await giveImage(inside, {}, ...tagsOn(gone), ...tagsOn(stays));
    const found = await listOf(client.prune(name, { keep: 1 }));
    assert.deepEqual(
      found.map(({ outcome, reference }) => `${outcome} ${reference.slice(name.length + 1)}`).sort(),
      ['deleted old', ...tagsOn(gone).map((tag) => `deleted ${tag}`)].sort(),
    );
    assert.deepEqual((await listOf(client.tags(name))).sort(), ['new', ...tagsOn(stays)].sort());
  });
});

const layer = createLayer(bytesContent(new Uint8Array([1])));

function image(created: string | undefined, annotations: Record<string, string> = {}): Image {
  return createImage({
    config: { os: 'linux', architecture: 'amd64', ...(created === undefined ? {} : { created }) },
    layers: [layer],
    annotations,
  });
}

function annotated(created: string): Record<string, string> {
  return { 'org.opencontainers.image.created': created };
}

describe('the age of an image', () => {
  const cases = [
    ['a time in its config', image(daysAgo(40)), 'deleted'],
    ['a time in its config and its annotation', image(daysAgo(1), annotated(daysAgo(40))), undefined],
    ['a time in its annotation alone', image(undefined, annotated(daysAgo(40))), 'deleted'],
    ['no time', image(undefined), 'kept'],
    ['the fixed time of a reproducible build', image('1970-01-01T00:00:00Z'), 'kept'],
    ['the fixed time of buildpacks', image('1980-01-01T00:00:01Z'), 'kept'],
    ["Go's zero time", image('0001-01-01T00:00:00Z'), 'kept'],
    ['a time in words', image('yesterday'), 'kept'],
    [
      'a time in the annotation of its index',
      createIndex([{ image: image(daysAgo(1)) }], { annotations: annotated(daysAgo(40)) }),
      'deleted',
    ],
    [
      'a time in the newest image of its index',
      createIndex([{ image: image(daysAgo(40)) }, { image: image(daysAgo(1)) }]),
      undefined,
    ],
    ['old times in all images of its index', createIndex([{ image: image(daysAgo(40)) }]), 'deleted'],
  ] as const;
  for (const [name, view, outcome] of cases) {
    it(`delete-in-bulk: an image with ${name} is ${outcome ?? 'left'}`, async () => {
      const { client, name: app } = stage({ quirk: (next) => next });
      await (view.kind === 'image' ? client.pushImage(`${app}:a`, view) : client.pushIndex(`${app}:a`, view));
      const found = await listOf(client.prune(app, { olderThan: 30 * day }));
      assert.deepEqual(outcomes(found), outcome === undefined ? [] : [`${outcome} a`]);
    });
  }

  it('delete-in-bulk: prune demands match, olderThan or keep, and refuses wrong values of them', async () => {
    const { client, name, asked } = stage({ quirk: (next) => next });
    const wrong: readonly unknown[] = [
      {},
      { match: '[a]' },
      { olderThan: -1 },
      { keep: -1 },
      { keep: 1.5 },
      { matches: '*' },
    ];
    for (const options of wrong) {
      await assert.rejects(listOf(client.prune(name, options as PruneOptions)), { code: 'INVALID_OPTION' });
    }
    await assert.rejects(listOf(client.prune(`${name}:tag`, { keep: 1 })), { code: 'INVALID_REFERENCE' });
    assert.deepEqual(asked, []);
  });
});
