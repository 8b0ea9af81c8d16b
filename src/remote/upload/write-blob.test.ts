import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { bytesContent, type Content, mapContent } from '../../flow/content.ts';
import { digestOf } from '../../flow/hash.ts';
import { verified } from '../../flow/verify.ts';
import { blobOf, failsWith, give } from '../../testing/contract/sample.ts';
import { answer } from '../../wire/reply.ts';
import { always, answers, type Fate, passes, scripted } from './scripted.test.support.ts';

interface Row {
  readonly name: string;
  readonly size: number;
  readonly source?: Partial<Content>;
  /** The fate of the mount from anywhere, which otherwise starts the upload. */
  readonly mount?: Fate;
  readonly early: boolean;
}

const mounts: Fate = async (_, { url }) => {
  const digest = new URL(url).searchParams.get('mount') ?? '';
  return answer(201, { location: [`/v2/acme/app/blobs/${digest}`] });
};
const remote = { remote: true };
const kib = 1024;

const rows: readonly Row[] = [
  { name: 'the source of local content is not opened before the upload starts', size: 1, early: false },
  {
    name: 'the source of a small remote blob is opened while the upload starts',
    size: 1024 * kib,
    source: remote,
    early: true,
  },
  {
    name: 'the source of a larger remote blob is not opened before the upload starts',
    size: 1024 * kib + 1,
    source: remote,
    early: false,
  },
  {
    name: 'the opened source of a blob that turns out to be mounted is closed',
    size: 1,
    source: remote,
    mount: mounts,
    early: true,
  },
];

describe('the source of a blob while its upload starts', () => {
  for (const { name, size, source = {}, mount = passes, early } of rows) {
    it(name, async () => {
      const bytes = new Uint8Array(size);
      const opened: string[] = [];
      const content: Content = {
        ...bytesContent(bytes),
        ...source,
        async *open(options) {
          opened.push('opened');
          try {
            yield* bytesContent(bytes).open(options);
          } finally {
            opened.push('closed');
          }
        },
      };
      let before: readonly string[] = [];
      const { repository } = scripted({
        mount: [
          (send, request) => {
            before = [...opened];
            return mount(send, request);
          },
        ],
      });
      const blob = { mediaType: 'application/octet-stream', digest: digestOf(bytes), size };
      assert.equal(await repository.blobs.write(blob, content), mount === mounts ? 'mounted' : 'uploaded');
      assert.deepEqual(before, early ? ['opened'] : []);
      assert.deepEqual(opened, ['opened', 'closed']);
    });
  }
});

describe('a large blob from elsewhere', () => {
  const rows = [
    {
      name: 'a large remote blob goes out in pieces of 256 KiB',
      size: 32 * 1024 * kib,
      source: remote,
      piece: 256 * kib,
    },
    {
      name: 'a remote blob of less than 32 MiB goes out in the pieces that arrive',
      size: 31 * 1024 * kib,
      source: remote,
      piece: 64 * kib,
    },
    {
      name: 'a large local blob goes out in the pieces of its source',
      size: 32 * 1024 * kib,
      piece: 64 * kib,
    },
  ];
  for (const { name, size, source = {}, piece } of rows) {
    it(name, async () => {
      const bytes = new Uint8Array(size).fill(7);
      const content: Content = {
        ...bytesContent(bytes),
        ...source,
        async *open({ from = 0 } = {}) {
          for (let at = from; at < size; at += 64 * kib) yield bytes.subarray(at, at + 64 * kib);
        },
      };
      const pieces = new Set<number>();
      const { repository } = scripted({
        commit: [
          async (send, { body = content, ...request }) => {
            const noted = mapContent(body, async function* note(chunks) {
              for await (const chunk of chunks) {
                pieces.add(chunk.byteLength);
                yield chunk;
              }
            });
            return send({ ...request, body: noted });
          },
        ],
      });
      const blob = { mediaType: 'application/octet-stream', digest: digestOf(bytes), size };
      assert.equal(await repository.blobs.write(blob, content), 'uploaded');
      assert.deepEqual([...pieces], [piece]);
    });
  }
});

describe('unproven-mount: a mount that is answered with 201', () => {
  const bytes = new Uint8Array(1000).fill(2);
  const blob = { mediaType: 'application/octet-stream', digest: digestOf(bytes), size: bytes.byteLength };
  const other = digestOf(new Uint8Array(1));
  const claims = [
    ['nothing else', {}],
    ['a Location that names no blob', { location: ['/v2/acme/app/blobs/there'] }],
    ['the Location of another blob', { location: [`/v2/acme/app/blobs/${other}`] }],
    ['the digest of another blob', { 'docker-content-digest': [other] }],
  ] as const;
  for (const [what, headers] of claims) {
    it(`unproven-mount: a 201 with ${what} is no mount if the registry lacks the blob`, async () => {
      const { repository, inside } = scripted({ mount: always(answers(201, headers)) });
      assert.equal(await repository.blobs.write(blob, bytesContent(bytes)), 'uploaded');
      assert.equal((await inside.blobs.stat(blob.digest))?.size, 1000);
    });
  }

  it('a 201 without a name counts as a mount if the registry has the blob, which costs one question', async () => {
    const { repository, inside, asked } = scripted({
      'blob.head': [answers(404)],
      mount: [answers(201)],
    });
    await give(inside, blobOf(bytes));
    assert.equal(await repository.blobs.write(blob, bytesContent(bytes)), 'mounted');
    assert.deepEqual(asked, ['blob.head', 'mount', 'blob.head']);
  });
});

describe('truncated-at-the-registry: a blob that the registry has with another size', () => {
  const bytes = new Uint8Array(1000).fill(1);
  const blob = { mediaType: 'application/octet-stream', digest: digestOf(bytes), size: bytes.byteLength };
  for (const length of ['0', '999', '1001']) {
    it(`truncated-at-the-registry: a blob that the registry has with ${length} bytes is sent`, async () => {
      const { repository, inside } = scripted({
        'blob.head': [answers(200, { 'content-length': [length] })],
      });
      assert.equal(await repository.blobs.write(blob, bytesContent(bytes)), 'uploaded');
      assert.equal((await inside.blobs.stat(blob.digest))?.size, 1000);
    });
  }

  it('a blob whose descriptor has a wrong size fails', async () => {
    const { repository, inside } = scripted({});
    await give(inside, blobOf(bytes));
    const wrong = { ...blob, size: 5 };
    const content = mapContent(bytesContent(bytes), (source) => verified(source, { ...wrong, what: 'it' }));
    await failsWith(repository.blobs.write(wrong, content), 'SIZE_INVALID');
  });
});
