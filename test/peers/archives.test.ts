import assert from 'node:assert/strict';
import { access, mkdir, readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { output } from '../../bench/support/programs.ts';
import { projectRoot } from '../../scripts/project.ts';
import { createClient, type Image } from '../../src/index.ts';
import { startRegistry, type TestRegistry } from '../../src/testing/start-registry.ts';
import { folder } from '../folder.ts';
import { needs, type Peer } from '../peer.ts';
import {
  gzipLayer,
  type Identity,
  identityOf,
  imageOf,
  indexOfTwo,
  partsInLayout,
  partsOf,
} from './images.ts';
import { inspect, openPodman, type Podman } from './podman.ts';

/** Archives and layouts that gantry writes and other tools read, and the reverse. */

const image = await imageOf('amd64', [await gzipLayer('base'), await gzipLayer('top')]);
const other = await imageOf('amd64', [await gzipLayer('other')]);
const index = await indexOfTwo();
const client = createClient();
let registry: TestRegistry;
let names: { readonly one: string; readonly two: string; readonly index: string };

before(async () => {
  registry = await startRegistry();
  const { host } = registry;
  names = { one: `${host}/acme/app:one`, two: `${host}/acme/app:two`, index: `${host}/acme/app:index` };
  await client.pushImage(names.one, image);
  await client.pushImage(names.two, other);
  await client.pushIndex(names.index, index);
});
after(async () => {
  await client[Symbol.asyncDispose]();
  await registry.close();
});

const formats = ['tarball', 'legacy'] as const;

describe('skopeo reads archives and layouts of gantry', needs('skopeo'), () => {
  for (const format of formats) {
    for (const named of [false, true]) {
      it(`skopeo reads a ${format} as docker-archive${named ? ', by its name' : ''}`, async (test) => {
        const home = await folder(test);
        const file = join(home, 'image.tar');
        await client.pull([names.one], file, { format });
        const source = `docker-archive:${file}${named ? `:${names.one}` : ''}`;
        assert.deepEqual(await identityForSkopeo(source, join(home, 'dir')), await partsForDocker(image));
      });
    }
  }

  it('skopeo reads two images of a tarball as docker-archive, each by its name', async (test) => {
    const home = await folder(test);
    const file = join(home, 'images.tar');
    await client.pull([names.one, names.two], file);
    for (const [name, wanted] of [
      [names.one, image],
      [names.two, other],
    ] as const) {
      const found = await identityForSkopeo(`docker-archive:${file}:${name}`, join(home, name.slice(-3)));
      assert.deepEqual(found, await partsForDocker(wanted));
    }
  });

  it('skopeo reads a tarball as oci-archive', async (test) => {
    const home = await folder(test);
    await client.pull([names.one], join(home, 'image.tar'));
    await skopeoCopy(`oci-archive:${join(home, 'image.tar')}`, `oci:${join(home, 'layout')}`);
    assert.deepEqual(await partsInLayout(join(home, 'layout')), await partsOf(image));
  });

  for (const [what, name] of [
    ['image', 'one'],
    ['index', 'index'],
  ] as const) {
    for (const kind of ['oci-archive', 'oci'] as const) {
      it(`skopeo reads an ${what} as ${kind}`, async (test) => {
        const home = await folder(test);
        await client.copy(names[name], `${kind}:${join(home, 'saved')}:v1`);
        await skopeoCopy('--all', `${kind}:${join(home, 'saved')}:v1`, `oci:${join(home, 'layout')}`);
        const wanted = await partsOf(what === 'image' ? image : index);
        assert.deepEqual(await partsInLayout(join(home, 'layout')), wanted);
      });
    }
  }
});

/** Returns the digests that skopeo finds in an archive: of the config and of the uncompressed layers, in byte order. */
async function identityForSkopeo(source: string, folder: string): Promise<readonly string[]> {
  await skopeoCopy('--dest-decompress', source, `dir:${folder}`);
  const files = await readdir(folder);
  return files.filter((name) => /^[0-9a-f]{64}$/.test(name)).sort();
}

async function partsForDocker(of: Image): Promise<readonly string[]> {
  const { config, diffIds } = await identityOf(of);
  return [config, ...diffIds].map((digest) => digest.slice('sha256:'.length)).sort();
}

function skopeoCopy(...args: readonly string[]): Promise<string> {
  return output('skopeo', ['copy', '--insecure-policy', ...args]);
}

describe('crane reads archives and layouts of gantry', needs('crane'), () => {
  for (const format of formats) {
    it(`crane reads a ${format}`, async (test) => {
      const file = join(await folder(test), 'image.tar');
      await client.pull([names.one], file, { format });
      await output('crane', ['validate', '--tarball', file]);
      const reference = `${registry.host}/from-crane/${format}:1`;
      await output('crane', ['push', file, reference]);
      assert.deepEqual(await identityOf(await client.getImage(reference)), await identityOf(image));
    });
  }
});

describe('oras reads archives and layouts of gantry', needs('oras'), () => {
  it('oras reads an index in an OCI archive', async (test) => {
    const home = await folder(test);
    await client.copy(names.index, `oci-archive:${join(home, 'index.tar')}:v1`);
    const layout = join(home, 'layout');
    const source = `${join(home, 'index.tar')}:v1`;
    await output('oras', ['cp', '--from-oci-layout', source, '--to-oci-layout', `${layout}:v1`]);
    assert.deepEqual(await partsInLayout(layout), await partsOf(index));
  });
});

describe('podman reads archives and layouts of gantry', needs('podman'), () => {
  let podman: Podman;
  before(async () => {
    podman = await openPodman();
  });
  after(() => podman[Symbol.asyncDispose]());

  for (const format of formats) {
    it(`podman reads a ${format}`, async (test) => {
      const file = join(await folder(test), 'image.tar');
      await client.pull([names.one], file, { format });
      await podman('load', '-q', '-i', file);
      const { config, diffIds } = await inspect(podman, names.one);
      assert.deepEqual({ config, diffIds }, await identityOf(image));
      await podman('rmi', names.one);
    });
  }

  it('podman reads an OCI archive', async (test) => {
    const file = join(await folder(test), 'image.tar');
    await client.copy(names.one, `oci-archive:${file}:${names.one}`);
    await podman('load', '-q', '-i', file);
    const { digest } = await inspect(podman, names.one);
    assert.equal(digest, (await image.manifest()).descriptor.digest);
  });
});

interface Writer {
  readonly peer: Peer;
  readonly form: string;
  /** Saves `names.one`, and perhaps more, in the folder `home`. Returns the place to copy from. */
  readonly save: (home: string) => Promise<string>;
}

const writers: readonly Writer[] = [
  ...(['docker-archive', 'oci-archive', 'oci'] as const).map((form) => ({
    peer: 'skopeo' as const,
    form,
    async save(home: string) {
      const place = `${form}:${join(home, 'saved')}`;
      await skopeoCopy('--src-tls-verify=false', `docker://${names.one}`, `${place}:acme/app:1`);
      return place;
    },
  })),
  ...(['tarball', 'legacy', 'oci'] as const).map((format) => ({
    peer: 'crane' as const,
    form: format,
    async save(home: string) {
      await output('crane', ['pull', `--format=${format}`, names.one, join(home, 'saved')]);
      return `${format === 'oci' ? 'oci' : 'docker-archive'}:${join(home, 'saved')}`;
    },
  })),
  {
    peer: 'crane',
    form: 'tarball of two images',
    async save(home) {
      await output('crane', ['pull', names.two, names.one, join(home, 'saved')]);
      return `docker-archive:${join(home, 'saved')}:${names.one}`;
    },
  },
  {
    peer: 'oras',
    form: 'backup',
    async save(home) {
      await output('oras', ['backup', '--plain-http', '-o', join(home, 'saved.tar'), names.one]);
      return `oci-archive:${join(home, 'saved.tar')}`;
    },
  },
  ...(['docker-archive', 'oci-archive', 'oci-dir'] as const).map((format) => ({
    peer: 'podman' as const,
    form: format,
    async save(home: string) {
      await podmanSave(['-q', `--format=${format}`, '-o', join(home, 'saved'), names.one]);
      return `${format === 'oci-dir' ? 'oci' : format}:${join(home, 'saved')}`;
    },
  })),
  {
    peer: 'podman',
    form: 'docker-archive of two images',
    async save(home) {
      await podmanSave(['-q', '-m', '-o', join(home, 'saved'), names.two, names.one]);
      return `docker-archive:${join(home, 'saved')}:${names.one}`;
    },
  },
];

async function podmanSave(args: readonly string[]): Promise<void> {
  await using podman = await openPodman();
  for (const name of [names.one, names.two]) await podman('pull', '-q', '--tls-verify=false', name);
  await podman('save', ...args);
}

for (const { peer, form, save } of writers) {
  describe(`gantry reads archives and layouts of ${peer}`, needs(peer), () => {
    it(`gantry reads the ${form} of ${peer}`, async (test) => {
      const reference = `${registry.host}/from-${peer}/${form.replaceAll(' ', '-')}:1`;
      const home = await folder(test);
      await client.copy(await save(home), reference);
      assert.deepEqual(await identityOf(await client.getImage(reference)), await identityOf(image));
    });
  });
}

describe('an index that another tool saved', () => {
  it(
    'gantry keeps the digest of an index that skopeo saved as an OCI archive',
    needs('skopeo'),
    async (test) => {
      const file = join(await folder(test), 'index.tar');
      await skopeoCopy(
        '--all',
        '--src-tls-verify=false',
        `docker://${names.index}`,
        `oci-archive:${file}:v1`,
      );
      const { digest } = await client.push(file, `${registry.host}/kept/skopeo:1`);
      assert.equal(digest, (await partsOf(index)).root);
    },
  );

  it('gantry keeps the digest of an index that oras saved as a layout', needs('oras'), async (test) => {
    const layout = join(await folder(test), 'layout');
    await output('oras', ['cp', '--from-plain-http', names.index, '--to-oci-layout', `${layout}:v1`]);
    const { digest } = await client.push(layout, `${registry.host}/kept/oras:1`);
    assert.equal(digest, (await partsOf(index)).root);
  });

  it('gantry keeps the digest of an index that crane saved as a layout', needs('crane'), async (test) => {
    const layout = join(await folder(test), 'layout');
    await output('crane', ['pull', '--format=oci', names.index, layout]);
    const { digest } = await client.push(layout, `${registry.host}/kept/crane:1`);
    assert.equal(digest, (await partsOf(index)).root);
  });
});

/** The output of Docker's own `docker save`, which no test can run. */
const saved = join(dirname(projectRoot()), 'shared', 'data', 'alpine-docker-save.tar');
const absent = await access(saved).then(
  () => false,
  () => `there is no ${saved}`,
);

describe('an archive of docker save', { skip: absent }, () => {
  it('an archive of docker goes to a registry with its config and layers, and back into an archive', async (test) => {
    const home = await folder(test);
    const reference = `${registry.host}/docker/alpine:1`;
    await client.push(saved, reference);
    const pushed = await identityOf(await client.getImage(reference));
    const [entry]: readonly { readonly Config: string }[] = JSON.parse(
      await output('tar', ['-xOf', saved, 'manifest.json']),
    );
    assert.equal(`sha256:${/[0-9a-f]{64}/.exec(entry?.Config ?? '')?.[0]}`, pushed.config);
    const { rootfs } = await (await client.getImage(reference)).config();
    assert.deepEqual(pushed.diffIds, rootfs.diff_ids);

    await mkdir(join(home, 'back'));
    await client.pull([reference], join(home, 'back', 'image.tar'));
    await client.push(join(home, 'back', 'image.tar'), `${reference}-back`);
    const back: Identity = await identityOf(await client.getImage(`${reference}-back`));
    assert.deepEqual(back, pushed);
  });
});
