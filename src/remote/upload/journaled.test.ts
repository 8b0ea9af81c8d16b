import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isGantryError, TransportError } from '../../errors.ts';
import { bytesContent, streamContent } from '../../flow/content.ts';
import type { UploadJournal, UploadKey } from '../../store/upload-journal.ts';
import { blobOf, noise, read } from '../../testing/contract/sample.ts';
import { answers, type Fate, passes, type ScriptedRegistry, scripted } from './scripted.test.support.ts';

const blob = blobOf(noise(1000));
const { digest } = blob.descriptor;
/** Ten chunks. */
const chunks = { chunkSize: 100, chunkThreshold: 100 };
const gone: Fate = async () => {
  throw new TransportError('CUT_OFF', 'the connection broke');
};

const fails = async (): Promise<never> => {
  throw new Error('the disk is full');
};

interface MemoryJournal extends UploadJournal {
  readonly notes: Map<string, string>;
}

const nameOf = ({ place, repository, digest: of }: UploadKey): string => `${place}/${repository}@${of}`;
const key = nameOf({ place: 'http://registry.test', repository: 'acme/app', digest, size: 1000 });

function memoryJournal(): MemoryJournal {
  const notes = new Map<string, string>();
  return {
    notes,
    find: async (upload) => notes.get(nameOf(upload)),
    note: async (upload, id) => void notes.set(nameOf(upload), id),
    forget: async (upload) => void notes.delete(nameOf(upload)),
  };
}

/** A registry with three chunks of the blob of a process with a broken connection, and a journal with their note. */
async function interrupted(
  later: Readonly<Record<string, readonly Fate[]>> = {},
): Promise<{ readonly registry: ScriptedRegistry; readonly journal: MemoryJournal }> {
  const journal = memoryJournal();
  const script = {
    ...later,
    append: [passes, passes, passes, gone, ...(later['append'] ?? [])],
  };
  const registry = scripted(script, { ...chunks, retry: { attempts: 1 } });
  await assert.rejects(registry.repository.blobs.write(blob.descriptor, blob.content, { journal }), (error) =>
    isGantryError(error, 'CUT_OFF'),
  );
  return { registry, journal };
}

async function finish(
  { registry, journal }: { readonly registry: ScriptedRegistry; readonly journal: UploadJournal },
  content = blob.content,
): Promise<readonly string[]> {
  const before = registry.asked.length;
  assert.equal(await registry.repository.blobs.write(blob.descriptor, content, { journal }), 'uploaded');
  assert.deepEqual(await read(registry.inside.blobs.open(digest)), blob.bytes);
  return registry.asked.slice(before);
}

describe('an upload with a journal', () => {
  it('an upload leaves its session and its note when the connection breaks', async () => {
    const { registry, journal } = await interrupted();
    assert.match(journal.notes.get(key) ?? '', /^300@http:\/\/registry\.test\/v2\/acme\/app\//);
    assert.equal(registry.asked.includes('cancel'), false);
  });

  it('a later upload continues at the offset of the registry, sends only the rest, and removes the note', async () => {
    const start = await interrupted();
    const opened: (number | undefined)[] = [];
    const content = {
      ...blob.content,
      open: (part: { readonly from?: number } = {}) => {
        opened.push(part.from);
        return blob.content.open(part);
      },
    };
    const asked = await finish(start, content);
    assert.equal(asked.includes('start'), false);
    assert.deepEqual(asked.slice(0, 3), ['blob.head', 'status', 'append 300-399']);
    // The blob is asked for once more, since another process has sent a part of it.
    assert.deepEqual(asked.slice(-2), ['commit 900-999', 'blob.head']);
    assert.ok(opened.every((from = 0) => from >= 300));
    assert.equal(start.journal.notes.size, 0);
  });

  it('an aborted upload leaves its note, and a later one continues', async () => {
    const journal = memoryJournal();
    const end = new AbortController();
    const aborts: Fate = async (send, request) => {
      const response = await send(request);
      end.abort('enough');
      return response;
    };
    const registry = scripted({ append: [aborts] }, chunks);
    const writing = registry.repository.blobs.write(blob.descriptor, blob.content, {
      journal,
      signal: end.signal,
    });
    await assert.rejects(writing, (error) => error === 'enough');
    assert.equal(registry.asked.includes('cancel'), false);
    const asked = await finish({ registry, journal });
    assert.deepEqual(asked.slice(0, 3), ['blob.head', 'status', 'append 100-199']);
  });

  it('a finished upload leaves no note, and an upload that the registry refuses leaves neither note nor session', async () => {
    const journal = memoryJournal();
    const registry = scripted({}, chunks);
    await registry.repository.blobs.write(blob.descriptor, blob.content, { journal });
    assert.equal(journal.notes.size, 0);
    const refusing = scripted({ append: [answers(403)] }, chunks);
    await assert.rejects(refusing.repository.blobs.write(blob.descriptor, blob.content, { journal }), {
      code: 'DENIED',
    });
    assert.equal(journal.notes.size, 0);
    assert.equal(refusing.asked.at(-1), 'cancel');
  });

  it('content that can be read once is sent without a note', async () => {
    const journal = memoryJournal();
    const registry = scripted({ append: [gone] }, { ...chunks, retry: { attempts: 1 } });
    const once = streamContent(blob.content.open(), { size: blob.bytes.byteLength });
    await assert.rejects(registry.repository.blobs.write(blob.descriptor, once, { journal }));
    assert.equal(journal.notes.size, 0);
  });

  it('the note goes when the registry has the blob already', async () => {
    const { registry, journal } = await interrupted();
    await registry.inside.blobs.write(blob.descriptor, blob.content);
    assert.equal(
      await registry.repository.blobs.write(blob.descriptor, blob.content, { journal }),
      'existed',
    );
    assert.equal(journal.notes.size, 0);
  });
});

const turnOf =
  (waited: boolean, leave: () => Promise<void> = async () => undefined): NonNullable<UploadJournal['turn']> =>
  async () => ({ waited, [Symbol.asyncDispose]: leave });

describe('a journal with turns', () => {
  it('an upload that waited for its turn does not send a blob that the registry has by then', async () => {
    const registry = scripted({}, chunks);
    const turns: string[] = [];
    const journal = {
      ...memoryJournal(),
      async turn() {
        await registry.inside.blobs.write(blob.descriptor, blob.content);
        turns.push('taken');
        return { waited: true, [Symbol.asyncDispose]: async () => void turns.push('left') };
      },
    };
    assert.equal(
      await registry.repository.blobs.write(blob.descriptor, blob.content, { journal }),
      'existed',
    );
    assert.deepEqual(turns, ['taken', 'left']);
    assert.deepEqual(registry.asked, ['blob.head', 'blob.head']);
  });

  it('an upload that waited in vain continues the session that the other process left', async () => {
    const { registry, journal } = await interrupted();
    const asked = await finish({ registry, journal: { ...journal, turn: turnOf(true) } });
    assert.deepEqual(asked.slice(0, 4), ['blob.head', 'blob.head', 'status', 'append 300-399']);
  });

  it('an upload without a turn leaves the note alone and starts anew', async () => {
    const { registry, journal } = await interrupted();
    const before = journal.notes.get(key);
    const asked = await finish({ registry, journal: { ...journal, turn: fails } });
    assert.ok(asked.includes('append 0-99'));
    assert.equal(journal.notes.get(key), before);
  });

  it('an aborted wait for a turn ends the upload with the reason', async () => {
    const end = new AbortController();
    const turn = async () => {
      end.abort('enough');
      return fails();
    };
    const registry = scripted({}, chunks);
    const journal = { ...memoryJournal(), turn };
    await assert.rejects(
      registry.repository.blobs.write(blob.descriptor, blob.content, { journal, signal: end.signal }),
      (error) => error === 'enough',
    );
    assert.deepEqual(registry.asked, ['blob.head']);
  });

  it('a turn that cannot be given back ends no upload', async () => {
    const registry = scripted({}, chunks);
    await finish({ registry, journal: { ...memoryJournal(), turn: turnOf(false, fails) } });
  });
});

describe('a wrong note of an upload', () => {
  it('resumed-early: a registry that still stores the bytes of a killed process is asked again after a 416', async () => {
    let location = '';
    const early: Fate = async (send, request) => {
      location = request.url;
      return answers(204, { range: ['0-199'], location: [location] })(send, request);
    };
    const start = await interrupted({ status: [early] });
    const asked = await finish(start);
    assert.deepEqual(asked.slice(0, 5), [
      'blob.head',
      'status',
      'append 200-299',
      'status',
      'append 300-399',
    ]);
    assert.equal(asked.includes('append 0-99'), false);
    assert.notEqual(location, '');
  });

  const ids: readonly (readonly [name: string, id: string])[] = [
    ['without sense', 'nonsense'],
    [
      'of a session that never was',
      `300@http://registry.test/v2/acme/app/blobs/uploads/${btoa(crypto.randomUUID()).replaceAll('=', '')}`,
    ],
    ['of another repository', '300@http://registry.test/v2/acme/other/blobs/uploads/none'],
    ['of another host', '300@http://elsewhere.test/v2/acme/app/blobs/uploads/none'],
  ];
  for (const [name, id] of ids) {
    it(`a note ${name} costs no request to a foreign address, and the upload starts anew`, async () => {
      const journal = memoryJournal();
      journal.notes.set(key, id);
      const registry = scripted({}, { ...chunks, retry: { attempts: 1 } });
      const asked = await finish({ registry, journal });
      assert.ok(asked.includes('append 0-99'));
      assert.equal(asked.filter((kind) => kind === 'status').length, name.includes('never') ? 1 : 0);
      assert.equal(journal.notes.size, 0);
    });
  }

  it('a session with other bytes ends in a second upload from the start', async () => {
    const journal = memoryJournal();
    const registry = scripted({}, { ...chunks, retry: { attempts: 1 } });
    const other = await registry.repository.blobs.start();
    await other.append(
      bytesContent(
        noise(1000)
          .map((byte) => byte ^ 1)
          .subarray(0, 300),
      ),
    );
    journal.notes.set(key, other.id);
    const asked = await finish({ registry, journal });
    assert.ok(asked.includes('append 300-399') && asked.includes('append 0-99'));
    assert.equal(journal.notes.size, 0);
  });

  it('a source that has changed since the killed upload ends as DIGEST_INVALID, and the registry keeps nothing', async () => {
    const { registry, journal } = await interrupted();
    const changed = bytesContent(blob.bytes.map((byte, at) => (at < 500 ? byte : byte ^ 1)));
    await assert.rejects(registry.repository.blobs.write(blob.descriptor, changed, { journal }), {
      code: 'DIGEST_INVALID',
    });
    assert.equal(await registry.inside.blobs.stat(digest), undefined);
    assert.equal(journal.notes.size, 0);
  });

  it('a session with more bytes than the blob is cancelled, and the upload starts anew', async () => {
    const journal = memoryJournal();
    const registry = scripted({}, chunks);
    const other = await registry.repository.blobs.start();
    await other.append(bytesContent(noise(1001)));
    journal.notes.set(key, other.id);
    const asked = await finish({ registry, journal });
    assert.deepEqual(asked.slice(0, 3), ['blob.head', 'status', 'cancel']);
  });

  for (const status of [400, 403, 404, 405, 410, 416]) {
    it(`a session that answers ${status} to the first chunk is left, and the upload starts anew without a further attempt`, async () => {
      const start = await interrupted({ append: [answers(status)] });
      const asked = await finish(start);
      assert.ok(asked.includes('append 0-99'));
      assert.equal(start.journal.notes.size, 0);
    });
  }

  it('a blob that is missing after its commit is sent from the start', async () => {
    const start = await interrupted({ commit: [answers(201)] });
    const asked = await finish(start);
    assert.ok(asked.includes('append 0-99'));
    assert.equal(asked.filter((kind) => kind.startsWith('commit')).length, 2);
  });

  it('a journal that fails ends no upload', async () => {
    const registry = scripted({}, chunks);
    await finish({ registry, journal: { find: fails, note: fails, forget: fails } });
  });
});
