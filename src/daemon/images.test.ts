import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { NotFoundError, ResponseError } from '../errors.ts';
import { readMap } from '../json/field.ts';
import type { Engine, EngineRequest } from './engine.ts';
import type { DaemonFacts } from './facts.ts';
import { findImage, inPath, knownName, tagImage } from './images.ts';

const id = 'a'.repeat(64);
const classic: DaemonFacts = {
  engine: 'docker',
  apiVersion: '1.44',
  store: 'classic',
  platform: { os: 'linux', architecture: 'amd64' },
};
const containerd: DaemonFacts = { ...classic, store: 'containerd', apiVersion: '1.48' };

interface Asked {
  readonly engine: Engine;
  readonly requests: readonly EngineRequest[];
}

/** A daemon that answers each path with an object or an error. */
function daemon(facts: DaemonFacts, answers: Readonly<Record<string, object>>): Asked {
  const requests: EngineRequest[] = [];
  const answerOf = (request: EngineRequest): object => {
    requests.push(request);
    const answer = answers[request.path] ?? new NotFoundError('NAME_UNKNOWN', 'no such image');
    if (answer instanceof Error) throw answer;
    return answer;
  };
  const engine: Engine = {
    name: 'the daemon',
    host: 'unix:///docker.sock',
    facts: async () => facts,
    async ask(request, read) {
      return read(readMap({ value: answerOf(request), what: 'the answer', path: '' }));
    },
    async send(request) {
      answerOf(request);
      return { status: 201, headers: {}, body: (async function* () {})() };
    },
    async [Symbol.asyncDispose]() {},
  };
  return { engine, requests };
}

describe('the images of a docker daemon', () => {
  it('have an ID with its algorithm, which podman leaves out, and a size that may be missing', async () => {
    for (const [Id, Size, size] of [
      [`sha256:${id}`, 7, 7],
      [id, 7, 7],
      [id, undefined, 0],
      [id, 'many', 0],
    ] as const) {
      const { engine } = daemon(classic, { '/images/app/json': { Id, Size } });
      assert.deepEqual(await findImage(engine, 'app'), { id: `sha256:${id}`, size, isWhole: true });
    }
  });

  for (const [what, facts, manifests, isWhole] of [
    ['of an older containerd store', { ...containerd, apiVersion: '1.47' }, [{ Available: true }], false],
    ['without a list of manifests', containerd, undefined, false],
    ['with an empty list', containerd, [], false],
    ['with a manifest that is not there', containerd, [{ Available: true }, { Available: false }], false],
    ['with a manifest about which nothing is said', containerd, [{ Available: true }, {}], false],
    ['with all manifests', containerd, [{ Available: true }, { Available: true }], true],
  ] as const) {
    it(`${what} are ${isWhole ? '' : 'not '}known to be whole`, async () => {
      const answer = { Id: `sha256:${id}`, Size: 1, Manifests: manifests };
      const { engine, requests } = daemon(facts, { '/images/app/json': answer });
      assert.equal((await findImage(engine, 'app'))?.isWhole, isWhole);
      assert.deepEqual(requests[0]?.query, facts.apiVersion === '1.48' ? { manifests: '1' } : {});
    });
  }

  it('are absent if the daemon says so, and every other failure is one', async () => {
    const broken = new ResponseError('UNEXPECTED_STATUS', 'no space');
    const { engine } = daemon(classic, { '/images/broken/json': broken, '/images/odd/json': { Id: 'odd' } });
    assert.equal(await findImage(engine, 'app'), undefined);
    await assert.rejects(findImage(engine, 'broken'), broken);
    await assert.rejects(findImage(engine, 'odd'));
  });

  it('are known by the first text that fits: the name with its tag, and then the short ID', async () => {
    const { engine, requests } = daemon(classic, { '/images/cafe/json': { Id: id } });
    assert.equal(await knownName(engine, 'cafe', {}), 'cafe');
    assert.deepEqual(
      requests.map(({ path }) => path),
      ['/images/cafe:latest/json', '/images/cafe/json'],
    );
    assert.equal(await knownName(engine, 'other', {}), undefined);
  });

  it('get a further name, and a refusal of it is a failure', async () => {
    const { engine, requests } = daemon(classic, { [`/images/sha256:${id}/tag`]: {} });
    const name = { repository: 'localhost:5000/app', tag: '1' };
    await tagImage(engine, `sha256:${id}`, name, {});
    assert.deepEqual(requests[0]?.query, { repo: 'localhost:5000/app', tag: '1' });
    await assert.rejects(tagImage(engine, 'gone', name, {}), { code: 'NAME_UNKNOWN' });
  });
});

it('a name in a path keeps its colons and slashes, and escapes what a path cannot have', () => {
  assert.equal(inPath('localhost:5000/a-b_c.d/e@sha256:1'), 'localhost:5000/a-b_c.d/e@sha256:1');
  assert.equal(inPath('a b?c#d%e'), 'a%20b%3Fc%23d%25e');
});
