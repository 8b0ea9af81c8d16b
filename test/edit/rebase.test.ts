import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { failsWith } from '../../src/testing/contract/sample.ts';
import { gantry } from '../cli/gantry.ts';
import {
  configOf,
  file,
  findings,
  type ImageForm,
  imageOf,
  put,
  putIndex,
  type Stage,
  stage,
  tarOf,
} from './stage.ts';

const tar = (name: string): Promise<Uint8Array> => tarOf(file(name, name));
const step = (name: string, empty = false) => ({
  created: '2020-01-01T00:00:00Z',
  created_by: name,
  ...(empty ? { empty_layer: true } : {}),
});
const name = 'org.opencontainers.image.base.name';
const digest = 'org.opencontainers.image.base.digest';

/** The parts of T29: an old base of 1 layer, a new one of 2, an image with 2 layers more; each with an empty step. */
async function forms(): Promise<Record<'from' | 'to' | 'app', ImageForm>> {
  const [old, one, two, own, more] = await Promise.all(['old', 'one', 'two', 'own', 'more'].map(tar));
  assert.ok(old && one && two && own && more);
  const base = [step('old'), step('ENV', true)];
  return {
    from: { layers: [old], config: { history: base, config: { Env: ['PATH=/old', 'GONE=1', 'KEPT=base'] } } },
    to: {
      layers: [one, two],
      config: {
        history: [step('one'), step('two'), step('ENV', true)],
        config: { Env: ['PATH=/new', 'KEPT=new', 'ADDED=1'] },
      },
    },
    app: {
      layers: [old, own, more],
      config: {
        author: 'Ada',
        created: '2021-01-01T00:00:00Z',
        variant: 'v2',
        'vnd.acme': { x: 1 },
        history: [...base, step('own'), step('CMD', true), step('more')],
        config: { Env: ['PATH=/old', 'GONE=1', 'KEPT=app', 'OWN=1'], Cmd: ['run'] },
      },
      manifest: { annotations: { k: 'v' } },
    },
  };
}

async function opened(
  test: TestContext,
  change: (all: Awaited<ReturnType<typeof forms>>) => typeof all = (all) => all,
) {
  const at = await stage(test);
  const { from, to, app } = change(await forms());
  await put(at, 'base', imageOf(from), ['old']);
  await put(at, 'base', imageOf(to), ['new']);
  await put(at, 'app', imageOf(app));
  return { ...at, from: `${at.host}/base:old`, to: `${at.host}/base:new`, app: `${at.host}/app:1` };
}

async function manifestOf({ client }: Stage, reference: string) {
  const { body } = await client.getManifest(reference);
  assert.ok(body.kind === 'image');
  return body;
}

/** Without any history, as some builders write their images. */
function withoutHistory(form: ImageForm): ImageForm {
  return { ...form, config: { ...form.config, history: undefined } };
}

/** The same image for two platforms. */
function entries(form: ImageForm) {
  return ['amd64', 'arm64'].map((architecture) => ({
    image: imageOf({ ...form, config: { ...form.config, architecture, variant: undefined } }),
    entry: { platform: { os: 'linux', architecture } },
  }));
}

describe('rebasing an image', () => {
  // id: T29
  it('The layers and the history of the base are replaced, and everything else of the image stays.', async (test) => {
    const at = await opened(test);
    await at.client.rebase(at.app, { oldBase: at.from, newBase: at.to, to: `${at.host}/app:2` });
    const body = await manifestOf(at, `${at.host}/app:2`);
    assert.equal(body.layers.length, 4);
    const base = await at.client.getDescriptor(at.to);
    assert.deepEqual(body.annotations, { k: 'v', [name]: at.to, [digest]: base.digest });
    for (const { mediaType } of [body.config, ...body.layers]) assert.match(mediaType, /oci/);
    const config = await configOf(at, `${at.host}/app:2`);
    const { history, rootfs, author, created, variant, config: run } = config;
    assert.deepEqual(
      Array.from(Object.values(Object(history)), (one) => Reflect.get(Object(one), 'created_by')),
      ['one', 'two', 'ENV', 'own', 'CMD', 'more'],
    );
    assert.equal(Object(rootfs?.['diff_ids']).length, 4);
    assert.deepEqual(
      [author, created, variant, config['vnd.acme']],
      ['Ada', '2021-01-01T00:00:00Z', 'v2', { x: 1 }],
    );
    assert.deepEqual(run?.['Env'], ['PATH=/new', 'KEPT=app', 'OWN=1', 'ADDED=1']);
    assert.deepEqual(run?.['Cmd'], ['run']);
    assert.deepEqual(await findings(at, `${at.host}/app:2`), []);
  });

  // id: T30
  it('Without any history no layer is lost.', async (test) => {
    const at = await opened(test, ({ from, to, app }) => ({
      from: withoutHistory(from),
      to: withoutHistory(to),
      app: withoutHistory(app),
    }));
    await at.client.rebase(at.app, { oldBase: at.from, newBase: at.to });
    assert.equal((await manifestOf(at, at.app)).layers.length, 4);
    assert.equal('history' in (await configOf(at, at.app)), false);
    assert.deepEqual(await findings(at, at.app), []);
  });

  it('If only one of them has a history, every layer gets an entry.', async (test) => {
    const at = await opened(test, ({ from, to, app }) => ({ from, to, app: withoutHistory(app) }));
    await at.client.rebase(at.app, { oldBase: at.from, newBase: at.to });
    const { history } = await configOf(at, at.app);
    const entries = Object.values(Object(history));
    assert.equal(entries.filter((one) => Reflect.get(Object(one), 'empty_layer') !== true).length, 4);
  });

  // id: T31
  it('An old base that was compressed anew is the same base, by its diffIDs.', async (test) => {
    const at = await opened(test, (all) => ({ ...all, app: { ...all.app, level: 1 } }));
    await at.client.rebase(at.app, { oldBase: at.from, newBase: at.to });
    const [first] = (await manifestOf(at, at.app)).layers;
    assert.equal(first?.digest, (await manifestOf(at, at.to)).layers[0]?.digest);
  });

  // id: T32
  it('Another base is refused with both names and the layer, and nothing is pushed.', async (test) => {
    const at = await opened(test);
    const other = await gantry(['rebase', at.app, '--old_base', at.to, '--new_base', at.from]);
    assert.equal(other.code, 1);
    for (const part of [at.app, at.to, 'layer 0']) assert.ok(other.stderr.includes(part), other.stderr);
    const few = await gantry(['rebase', at.to, '--old_base', at.app, '--new_base', at.from]);
    assert.equal(few.code, 1);
    assert.equal(
      at.registry.requests.some(({ method }) => method !== 'GET' && method !== 'HEAD'),
      false,
    );
  });

  // id: T33
  it('Without annotations and options the command is wrong.', async (test) => {
    const at = await opened(test);
    assert.equal((await gantry(['rebase', at.app])).code, 2);
  });

  it('The annotations of an image name its bases.', async (test) => {
    const at = await stage(test);
    const { from, to, app } = await forms();
    const old = await put(at, 'base', imageOf(from), []);
    const next = await put(at, 'base', imageOf(to), ['1']);
    const annotations = { k: 'v', [name]: `${at.host}/base:1`, [digest]: old.digest };
    await put(at, 'app', imageOf({ ...app, manifest: { annotations } }));
    const ended = await gantry(['rebase', `${at.host}/app:1`]);
    assert.equal(ended.code, 0, ended.stderr);
    const body = await manifestOf(at, `${at.host}/app:1`);
    assert.deepEqual(body.annotations, { ...annotations, [digest]: next.digest });
    assert.equal(body.layers.length, 4);
  });

  // id: T34
  it('With the same base twice, the digest stays.', async (test) => {
    const at = await opened(test);
    const before = await at.client.getDescriptor(at.app);
    const { descriptor } = await at.client.rebase(at.app, { oldBase: at.from, newBase: at.from });
    assert.equal(descriptor.digest, before.digest);
  });

  // id: T35
  it('A docker image on an OCI base keeps docker types for all of its parts.', async (test) => {
    const at = await opened(test, (all) => ({ ...all, app: { ...all.app, family: 'docker' } }));
    await at.client.rebase(at.app, { oldBase: at.from, newBase: at.to });
    const body = await manifestOf(at, at.app);
    for (const { mediaType } of [body.config, ...body.layers]) assert.match(mediaType, /docker/);
    assert.deepEqual(await findings(at, at.app), []);
  });

  it('Every image of an index gets the base for its platform, and the index names the index of the base.', async (test) => {
    const at = await stage(test);
    const { from, to, app } = await forms();
    await putIndex(at, 'from', entries(from));
    const base = await putIndex(at, 'to', entries(to));
    await putIndex(at, 'app', entries(app));
    await at.client.rebase(`${at.host}/app:1`, { oldBase: `${at.host}/from:1`, newBase: `${at.host}/to:1` });
    const { body } = await at.client.getManifest(`${at.host}/app:1`);
    assert.ok(body.kind === 'index' && base.body.kind === 'index');
    assert.equal(body.annotations?.[digest], base.descriptor.digest);
    for (const [index, child] of body.manifests.entries()) {
      const image = await manifestOf(at, `${at.host}/app@${child.digest}`);
      assert.equal(image.annotations?.[digest], base.body.manifests[index]?.digest);
    }
    assert.deepEqual(await findings(at, `${at.host}/app:1`), []);
  });

  it('A base for another platform is refused.', async (test) => {
    const at = await opened(test, ({ to, ...all }) => ({
      ...all,
      to: { ...to, config: { ...to.config, architecture: 'arm64' } },
    }));
    await failsWith(at.client.rebase(at.app, { oldBase: at.from, newBase: at.to }), 'MANIFEST_INVALID');
  });

  // id: rebase-check
  it('--check writes nothing, and ends with 1 until the image is on the newest base; --rebased is --tag.', async (test) => {
    const at = await opened(test);
    const { digest: old } = await at.client.getDescriptor(at.from);
    const newest = `${at.host}/base:1`;
    await at.client.copy(at.from, newest);
    await at.client.edit(at.app, (image) => image.withAnnotations({ [name]: newest, [digest]: old }));
    const before = (await at.client.getDescriptor(at.app)).digest;
    const check = await gantry(['rebase', '--check', at.app]);
    assert.deepEqual([check.code, check.stdout], [0, `${at.host}/app@${before}\n`], check.stderr);
    await at.client.copy(at.to, newest);
    const stale = await gantry(['rebase', '--check', '--json', at.app]);
    assert.equal(stale.code, 1, stale.stderr);
    const planned = JSON.parse(stale.stdout);
    assert.equal(planned.isCurrent, false);
    assert.equal((await at.client.getDescriptor(at.app)).digest, before);
    const rebased = await gantry(['rebase', at.app, '--rebased', `${at.host}/app:new`]);
    assert.equal(rebased.stdout, `${at.host}/app@${planned.digest}\n`, rebased.stderr);
    assert.equal((await gantry(['rebase', '--check', `${at.host}/app:new`])).code, 0);
  });

  // id: rebase-scratch
  it('With scratch as the old base, all layers of an image come on top of the new base, which its annotations name.', async (test) => {
    const at = await opened(test);
    const before = await manifestOf(at, at.app);
    const base = await manifestOf(at, at.to);
    await at.client.rebase(at.app, { oldBase: 'scratch', newBase: at.to });
    const { layers, annotations } = await manifestOf(at, at.app);
    assert.deepEqual(
      layers.map((layer) => layer.digest),
      [...base.layers, ...before.layers].map((layer) => layer.digest),
    );
    assert.equal(annotations?.[digest], (await at.client.getDescriptor(at.to)).digest);
    assert.deepEqual(await findings(at, at.app), []);
  });
});
