import assert from 'node:assert/strict';
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import process from 'node:process';
import type { Readable, Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type RunningRegistry, startDistribution } from '../../bench/support/distribution.ts';
import { createNodeTransport } from '../../src/http/node/transport.ts';
import { bytesContent, createRemoteRegistry, type Repository } from '../../src/index.ts';
import { referrersTag } from '../../src/spec/referrers-tag.ts';
import { needs } from '../peer.ts';
import { empty, noteOf, noteType } from './notes.ts';

/** `GANTRY_RACE_ROUNDS=20` gives more certainty and takes more time. */
const rounds = Number(process.env['GANTRY_RACE_ROUNDS'] ?? 3);
const processes = ['first', 'second'];
const each = 8;

describe(
  'two processes that put referrers of one subject at a registry without the API',
  needs('docker-registry'),
  () => {
    const transport = createNodeTransport();
    let registry: RunningRegistry;
    before(async () => {
      registry = await startDistribution();
    });
    after(async () => {
      await transport.close();
      await registry[Symbol.asyncDispose]();
    });

    for (let round = 1; round <= rounds; round++) {
      it(`lose none of them, in round ${round} of ${rounds}`, async () => {
        const name = `race/round-${round}`;
        const repository = createRemoteRegistry({
          base: `http://${registry.host}`,
          send: transport.send,
        }).repository(name, { actions: ['pull', 'push'] });
        await repository.blobs.write(empty.descriptor, bytesContent(empty.bytes));
        const subject = noteOf('the subject');
        await repository.manifests.put(subject);

        const { digest } = subject.descriptor;
        const writers = await Promise.all(
          processes.map((process) => startWriter([`${registry.host}/${name}`, digest, process, `${each}`])),
        );
        for (const { stdin } of writers) stdin.end('go\n');
        await Promise.all(writers.map(ended));

        const expected = processes.flatMap((process) =>
          Array.from({ length: each }, (_, at) => noteOf(`${process} ${at}`, subject.descriptor)),
        );
        assert.deepEqual(
          await listed(repository, referrersTag(digest)),
          expected
            .map((note) => ({
              ...note.descriptor,
              artifactType: noteType,
              annotations: note.body.kind === 'image' ? note.body.annotations : undefined,
            }))
            .sort((a, b) => (a.digest < b.digest ? -1 : 1)),
        );
      });
    }
  },
);

type Writer = ChildProcessByStdio<Writable, Readable, Readable> & { readonly said: Promise<string> };

/** Resolves when the process waits for the start. */
async function startWriter(args: readonly string[]): Promise<Writer> {
  const script = fileURLToPath(new URL('put-notes.js', import.meta.url));
  const child = spawn(process.execPath, [script, ...args], { stdio: 'pipe', timeout: 180_000 });
  const writer = Object.assign(child, { said: text(child.stderr) });
  await Promise.race([once(child.stdout, 'data'), once(child, 'close')]);
  return writer;
}

async function ended(writer: Writer): Promise<void> {
  if (writer.exitCode === null) await once(writer, 'close');
  assert.equal(writer.exitCode, 0, await writer.said);
}

async function listed(repository: Repository, tag: string) {
  const { body } = await repository.manifests.get(tag);
  return body.kind === 'index' ? body.manifests : [];
}
