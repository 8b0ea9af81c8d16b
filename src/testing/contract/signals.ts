import assert from 'node:assert/strict';
import type { Repository, SignalOptions } from '../../store/contract.ts';
import type { RepositoryCase } from './case.ts';
import { blobOf, emptyConfig, give, imageOf, listOf, noise, read, reusingContent } from './sample.ts';

const hello = blobOf('hello, signal');
const { digest } = hello.descriptor;

type Call = (repository: Repository, options: Required<SignalOptions>) => Promise<unknown>;

const calls: Readonly<Record<string, Call>> = {
  'blobs.stat': ({ blobs }, options) => blobs.stat(digest, options),
  'blobs.open': ({ blobs }, options) => read(blobs.open(digest), options),
  'blobs.write': ({ blobs }, options) => blobs.write(hello.descriptor, hello.content, options),
  'blobs.writeInPool': ({ blobs }, options) =>
    blobs.writeInPool?.(hello.descriptor, hello.content, { run: (task) => task() }, options) ??
    blobs.write(hello.descriptor, hello.content, options),
  'blobs.ingest': ({ blobs }, options) => blobs.ingest(hello.content, options),
  'blobs.mount': ({ blobs }, options) => blobs.mount(digest, options),
  'blobs.start': ({ blobs }, options) => blobs.start(options),
  'blobs.delete': ({ blobs }, options) => blobs.delete(digest, options),
  'upload.append': async ({ blobs }, options) => (await blobs.start()).append(hello.content, options),
  'upload.commit': async ({ blobs }, options) => (await blobs.start()).commit(digest, hello.content, options),
  'manifests.resolve': ({ manifests }, options) => manifests.resolve('tag', options),
  'manifests.get': ({ manifests }, options) => manifests.get('tag', options),
  'manifests.put': ({ manifests }, options) => manifests.put(imageOf(), options),
  'manifests.delete': ({ manifests }, options) => manifests.delete(digest, options),
  'tags.list': ({ tags }, options) => listOf(tags.list(options)),
  'tags.delete': ({ tags }, options) => tags.delete('tag', options),
  referrers: (repository, options) => listOf(repository.referrers(digest, options)),
  commit: (repository, options) => repository.commit(options),
};

const whileReading: RepositoryCase = {
  name: 'an abort while bytes come out is rethrown untouched',
  async run(repository) {
    const large = blobOf(noise(4 * 1024 * 1024));
    // Written in pieces: a store must not return it as one chunk, since an abort needs a rest to be read.
    await repository.blobs.write(large.descriptor, reusingContent(large.bytes, 64 * 1024));
    const abort = new AbortController();
    const { signal } = abort;
    const reading = async (): Promise<void> => {
      for await (const _ of repository.blobs.open(large.descriptor).open({ signal })) {
        abort.abort(new Error('the caller had enough'));
      }
    };
    await assert.rejects(reading(), (error) => error === signal.reason);
  },
};

const beforehand: readonly RepositoryCase[] = Object.entries(calls).map(([name, call]) => ({
  name: `${name} with an aborted signal rejects with its very reason`,
  async run(repository) {
    await give(repository, emptyConfig);
    const signal = AbortSignal.abort(new Error('the caller had enough'));
    await assert.rejects(call(repository, { signal }), (error) => error === signal.reason);
  },
}));

export const signalCases: readonly RepositoryCase[] = [...beforehand, whileReading];
