import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { type Client, createClient } from '../../src/client/client.ts';
import { layerOfFolder } from '../../src/client/layers/layer-of-folder.ts';
import { checkConfigEdit } from '../../src/image/edit/config-edit.ts';
import { MediaType } from '../../src/spec/media-type.ts';
import { folder } from '../folder.ts';

const app = 'registry.example/app:1';
const to = 'registry.example/app:2';

/** Calls with options that contradict each other or ask for nothing, and words of the refusal. */
const calls: readonly (readonly [words: RegExp, call: (client: Client) => Promise<unknown>])[] = [
  [/no layer to add/, (client) => client.append([], { base: app })],
  [/where the new image goes/, (client) => client.append(['a.tar'], {})],
  [/annotations about it/, (client) => client.append(['a.tar'], { to, baseAnnotations: true })],
  [/no image to add/, (client) => client.appendIndex([], { to })],
  [/where the new index goes/, (client) => client.appendIndex([app], {})],
  [/"index" takes a layout/, (client) => client.appendIndex([app], { to, index: true })],
  [
    /"artifactType" is for a new index/,
    (client) => client.appendIndex([app], { base: app, artifactType: 'a/b' }),
  ],
  [/"subject" is for a new index/, (client) => client.appendIndex([app], { base: app, subject: app })],
  [
    /docker's manifest lists have no "annotations"/,
    (client) => client.appendIndex([app], { to, mediaType: MediaType.dockerList, annotations: { a: 'b' } }),
  ],
  [/no layout as a whole/, (client) => client.appendIndex([app], { base: app, index: true })],
  [/one of "keep", "base" and "keepBase"/, (client) => client.flatten(app, { keep: 1, keepBase: true })],
  [/one of "keep", "base" and "keepBase"/, (client) => client.flatten(app, { keep: 0, base: to })],
  [/no option says what to convert/, (client) => client.convert(app, {})],
  [
    /no option says what to convert/,
    (client) => client.convert(app, { stripPaths: [], distributable: false }),
  ],
  [/a level needs a compression/, (client) => client.convert(app, { format: 'oci', level: 3 })],
  [/gzip has the levels 1 to 9, not 10/, (client) => client.convert(app, { compression: 'gzip', level: 10 })],
  [/without compression have no level/, (client) => client.convert(app, { compression: 'none', level: 1 })],
  [/none for a layer with zstd/, (client) => client.convert(app, { format: 'docker', compression: 'zstd' })],
  [/no place for inlined content/, (client) => client.convert(app, { format: 'docker', inlineData: 1 })],
  [/matter only with a time/, (client) => client.convert(app, { format: 'oci', allLayers: true })],
  [/matter only with a time/, (client) => client.convert(app, { format: 'oci', base: to })],
  [/all or not at all/, (client) => client.convert(app, { time: 0, base: to, allLayers: true })],
  [/1\.5 is no time/, (client) => client.convert(app, { time: 1.5 })],
  [/is no time|not a time/, (client) => client.convert(app, { time: '1969-12-31T23:59:59Z' })],
  [/is not a time/, (client) => client.convert(app, { time: 'yesterday' })],
  [/NAME=VALUE/, (client) => client.convert(app, { stripBuildArguments: ['TOKEN'] })],
  [/no path below the root/, (client) => client.convert(app, { stripPaths: ['/'] })],
  [/no path below the root/, (client) => client.convert(app, { stripPaths: ['../etc'] })],
];

describe('options of the verbs that contradict each other', () => {
  for (const [at, [words, call]] of calls.entries()) {
    it(`are refused before the first request, in words such as ${words.source} (${at})`, async () => {
      await using client = createClient({ transport: async () => assert.fail('a request was sent') });
      await assert.rejects(call(client), { code: 'INVALID_OPTION', message: words });
    });
  }
});

describe('a layer of a folder', () => {
  it('is refused for a file, for a place outside of the image, and for a pipe', async (test) => {
    const root = await folder(test);
    writeFileSync(join(root, 'a'), '');
    symlinkSync('a', join(root, 'link'));
    for (const path of ['a', 'link'])
      await assert.rejects(layerOfFolder(join(root, path)), {
        code: 'INVALID_OPTION',
        message: /is no folder/,
      });
    await assert.rejects(layerOfFolder(root, { to: '/app/../..' }), { code: 'INVALID_OPTION' });
    await assert.rejects(layerOfFolder(join(root, 'none')), { code: 'NAME_UNKNOWN' });
    if (process.platform === 'win32') return;
    execFileSync('mkfifo', [join(root, 'pipe')]);
    await assert.rejects(layerOfFolder(root), { code: 'UNSUPPORTED', message: /pipe/ });
  });
});

it('a change of a config is checked before anything is read', () => {
  for (const [change, words] of [
    [{ env: { '': 'a' } }, /"" is not a name of an environment variable/],
    [{ env: { 'A=B': null } }, /"A=B" is not a name/],
    [{ exposedPorts: ['80/http'] }, /80\/http/],
    [{ exposedPorts: ['70000'] }, /70000/],
  ] as const)
    assert.throws(() => checkConfigEdit(change), { code: 'INVALID_OPTION', message: words });
});
