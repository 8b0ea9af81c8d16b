import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { isGantryError } from '../../src/errors.ts';
import { createMemoryRegistry } from '../../src/memory/registry.ts';
import type { UploadOptions } from '../../src/remote/upload/plan.ts';
import type { Middleware } from '../../src/wire/message.ts';
import { giveSamples, type Transfer, transfers } from './operations.ts';
import type { WireFault } from './proxy.ts';
import * as spoil from './spoil.ts';
import { openStage, type StageOptions } from './stage.ts';

/**
 * Runs every transfer with every fault: the transfer succeeds, or fails with an error of the right kind and leaves
 * nothing.
 */

interface Fault {
  readonly name: string;
  readonly on?: Transfer['kind'];
  readonly wire?: (transfer: Transfer) => WireFault;
  readonly http?: (transfer: Transfer) => Middleware;
  readonly impatient?: true;
  /** The way to send blobs. */
  readonly upload?: UploadOptions;
  /**
   * The response with the address of a session may be lost. Then the client cannot cancel that session, see
   * docs/faults.md.
   */
  readonly orphans?: true;
  /** The code and the reason if the transfer cannot succeed. */
  readonly fails?: Fails | undefined;
}

type Fails = (transfer: Transfer) => Failure | undefined;

interface Failure {
  readonly code: string;
  readonly because: string;
}

const half = ({ bytes }: Transfer): number => Math.floor(bytes / 2);
const cutInTheMiddle = (transfer: Transfer): WireFault => ({
  direction: transfer.kind === 'write' ? 'request' : 'response',
  after: half(transfer),
  how: 'cut',
});
const stallInTheMiddle = (transfer: Transfer): WireFault => ({ ...cutInTheMiddle(transfer), how: 'stall' });

/** gantry keeps one chunk of a stream, and cannot send earlier bytes again. */
const notForStreams =
  (code: string): Fails =>
  ({ name }) =>
    name === 'stream' ? { code, because: 'of a stream only the last chunk can be sent again' } : undefined;

const always =
  (code: string, because: string): Fails =>
  () => ({ code, because });

/** Sends every blob in chunks, the small one in four. */
const inChunks: UploadOptions = { chunkThreshold: 1, chunkSize: 16 * 1024 };

/** Inserts text before the first byte of the first response. */
const says = (insert: string) => (): WireFault => ({ direction: 'response', after: 1, how: { insert } });
const interim = (status: string): string => `HTTP/1.1 ${status}\r\nX-Interim: yes\r\n\r\n`;
const upgrade = 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n';

const statuses = [408, 429, 500, 502, 503, 504];

const faults: readonly Fault[] = [
  { name: 'no fault' },
  { name: 'request cut in its headers', wire: () => ({ direction: 'request', after: 30, how: 'cut' }) },
  // id: fault-request-cut
  { name: 'request cut in the middle', on: 'write', wire: cutInTheMiddle },
  {
    name: 'answer cut in its headers',
    wire: () => ({ direction: 'response', after: 30, how: 'cut' }),
    orphans: true,
  },
  { name: 'answer cut in the middle', on: 'read', wire: cutInTheMiddle },
  // id: fault-commit-answer-lost
  { name: 'answers to commits lost', on: 'write', http: () => spoil.losesAnswers(['upload.commit'], 2) },
  { name: 'answers to chunks lost', on: 'write', http: () => spoil.losesAnswers(['upload.append'], 2) },
  // id: fault-manifest-answer-lost
  { name: 'answer to the manifest lost', on: 'write', http: () => spoil.losesAnswers(['manifest.put']) },
  {
    name: 'request stalls in the middle',
    on: 'write',
    wire: stallInTheMiddle,
    impatient: true,
    // gantry requests the start of an upload again after a slow response.
    orphans: true,
  },
  { name: 'answer stalls in the middle', on: 'read', wire: stallInTheMiddle, impatient: true },
  {
    name: 'answer stalls in its headers',
    wire: () => ({ direction: 'response', after: 30, how: 'stall' }),
    impatient: true,
    orphans: true,
  },
  ...[
    { name: '101 Switching Protocols', text: upgrade },
    { name: '101 without an upgrade', text: interim('101 Switching Protocols') },
    { name: '101 after 103', text: interim('103 Early Hints') + upgrade },
  ].map(({ name, text }) => ({
    name: `switching-protocols: ${name}`,
    wire: says(text),
    orphans: true as const,
    fails: always('UNEXPECTED_STATUS', 'nobody asked for another protocol'),
  })),
  ...['100 Continue', '102 Processing', '103 Early Hints', '199 Other'].map((status) => ({
    name: `interim answer ${status}`,
    wire: says(interim(status)),
  })),
  { name: 'interim answers, 500 of them', wire: says(interim('102 Processing').repeat(500)) },
  {
    name: 'interim answers without an end',
    wire: says(interim('103 Early Hints').repeat(2000)),
    orphans: true,
    fails: always('UNEXPECTED_ANSWER', 'no final answer is to be seen'),
  },
  { name: 'clean early end', on: 'read', http: () => spoil.endsEarly(1000, 'nothing', 2) },
  { name: 'short Content-Length', on: 'read', http: () => spoil.endsEarly(1000, 'short', 2) },
  ...statuses.map((status) => ({
    name: `${status} once for everything`,
    http: () => spoil.refusesOnce(status),
  })),
  ...statuses.map((status) => ({
    name: `${status} for every body`,
    http: () => spoil.refusesSteps(status),
    fails: always(status === 429 ? 'TOOMANYREQUESTS' : 'UNEXPECTED_STATUS', 'it never takes or gives a body'),
  })),
  {
    name: '503 in the middle of a read',
    on: 'read',
    wire: cutInTheMiddle,
    http: () => spoil.refusesRanges(503, 7),
  },
  { name: 'Retry-After in seconds', http: () => spoil.refusesOnce(429, { 'retry-after': ['0.02'] }) },
  {
    name: 'Retry-After as a date',
    http: () => spoil.refusesOnce(503, { 'retry-after': [new Date().toUTCString()] }),
  },
  // id: fault-401-at-bytes
  { name: '401 when bytes are to go', http: () => spoil.endsTokens(spoil.bodySteps, 2) },
  {
    name: '401 after a cut',
    wire: cutInTheMiddle,
    http: () => spoil.endsTokens(['upload.status', 'blob.get'], 2),
  },
  {
    name: 'session lost before the first byte',
    on: 'write',
    http: () => spoil.losesSessions(({ ofSession }) => ofSession === 1),
  },
  {
    name: 'session lost after a chunk',
    on: 'write',
    http: () => spoil.losesSessions(({ ofSession }) => ofSession === 2),
    fails: notForStreams('BLOB_UPLOAD_UNKNOWN'),
  },
  ...[2, 3].map((chunk) => ({
    name: `endless-upload: each session lost at its chunk ${chunk}`,
    on: 'write' as const,
    upload: inChunks,
    http: () => spoil.losesSessions(({ ofSession }) => ofSession === chunk, Number.POSITIVE_INFINITY),
    fails: always('BLOB_UPLOAD_UNKNOWN', 'no session comes further than the one before'),
  })),
  {
    name: 'endless-upload: each session lost a chunk later than the one before',
    on: 'write',
    upload: inChunks,
    http() {
      let lost = 0;
      return spoil.losesSessions(({ ofSession }) => {
        const loses = ofSession === lost + 2 && lost < 3;
        if (loses) lost++;
        return loses;
      }, 3);
    },
    fails: notForStreams('BLOB_UPLOAD_UNKNOWN'),
  },
  {
    name: 'session lost by a cut',
    on: 'write',
    wire: cutInTheMiddle,
    http: () => spoil.losesSessionsOnCuts(),
    fails: notForStreams('BLOB_UPLOAD_UNKNOWN'),
  },
  ...[400, 405, 413, 416].map((status) => ({
    // id: fault-chunks-refused
    name: `chunks refused with ${status}`,
    on: 'write' as const,
    upload: inChunks,
    http: () => spoil.refusesChunks(status),
  })),
  { name: 'Location elsewhere each time', on: 'write', http: () => spoil.movesSessions() },
  {
    name: 'Location elsewhere and a cut',
    on: 'write',
    wire: cutInTheMiddle,
    http: () => spoil.movesSessions(),
  },
  ...[
    { name: 'none', said: () => undefined },
    { name: '0-0', said: () => '0-0' },
    { name: '0--1', said: () => '0--1' },
    // id: fault-offset-too-high
    { name: 'one byte too many', said: (bytes: number) => `0-${bytes}`, code: 'RANGE_INVALID' },
    // id: fault-offset-beyond-sent
    { name: 'more than was sent', said: () => '0-99999999' },
    {
      // id: fault-offset-too-low
      name: 'one byte too few',
      said: (bytes: number) => `0-${Math.max(0, bytes - 2)}`,
      code: 'RANGE_INVALID',
    },
    { name: 'nonsense', said: () => 'all of it' },
  ].map(({ name, said, code = 'BLOB_UPLOAD_UNKNOWN' }) => ({
    name: `Range of a session after a cut: ${name}`,
    on: 'write' as const,
    wire: cutInTheMiddle,
    http: () => spoil.saysOfSessions(said),
    fails: notForStreams(code),
  })),
  // id: fault-no-digest-header
  { name: 'no Docker-Content-Digest', http: () => spoil.namesNoDigests },
  { name: 'flipped byte once', on: 'read', http: () => spoil.flipsBytes(1) },
  {
    name: 'flipped byte always',
    on: 'read',
    http: () => spoil.flipsBytes(Number.POSITIVE_INFINITY),
    fails: always('DIGEST_INVALID', 'no other bytes are to be had'),
  },
  { name: 'Range ignored after a cut', on: 'read', wire: cutInTheMiddle, http: () => spoil.ignoresRanges },
  ...[416, 400, 403, 404, 501].map((status) => ({
    name: `Range refused with ${status} after a cut`,
    on: 'read' as const,
    wire: cutInTheMiddle,
    http: () => spoil.refusesRanges(status),
  })),
  {
    name: 'Content-Range without the size after a cut',
    on: 'read',
    wire: cutInTheMiddle,
    http: () => spoil.saysNoSizeOfParts,
  },
  ...[400, 405, 501].map((status) => ({
    name: `HEAD refused with ${status}`,
    http: () => spoil.refusesHeads(status),
  })),
  ...[400, 403, 404].map((status) => ({
    name: `HEAD refused with ${status} where it is sent on to`,
    http: () => spoil.sendsReadsOn(status),
  })),
  ...[307, 308].map((status) => ({
    name: `POST, PATCH and PUT sent on with ${status}`,
    on: 'write' as const,
    http: () => spoil.sendsWritesOn(status),
  })),
  {
    name: 'Content-Range missing after a cut',
    on: 'read',
    wire: cutInTheMiddle,
    http: () => spoil.saysOfParts(undefined),
  },
  {
    name: 'Content-Range wrong after a cut',
    on: 'read',
    wire: cutInTheMiddle,
    http: () => spoil.saysOfParts('bytes 7-8/9'),
  },
];

/**
 * The maximum factor between the bytes on the wire and the bytes of a transfer with any fault, and the bytes of the
 * requests around them.
 */
const mostCarried = 12;
const headers = 64 * 1024;

const held = createMemoryRegistry();
before(() => giveSamples(held.repository('acme/app')));
const figures: { readonly fault: string; readonly transfer: string; readonly figure: string }[] = [];

async function play(fault: Fault, transfer: Transfer): Promise<void> {
  const around = [fault.http?.(transfer), transfer.around].filter((one) => one !== undefined);
  const options: StageOptions = {
    http: spoil.all(...around),
    wire: fault.wire?.(transfer),
    impatient: fault.impatient,
    ...(fault.upload === undefined ? {} : { upload: fault.upload }),
    ...(transfer.kind === 'read' ? { holds: held } : {}),
  };
  await using stage = await openStage(options);
  const failure = fault.fails?.(transfer);
  const error: unknown = await transfer.run(stage).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (failure === undefined) {
    if (error !== undefined) throw error;
    await transfer.assertThere(stage);
  } else {
    assert.equal(codeOf(error), failure.code, String(error));
    await transfer.assertClean(stage);
  }
  const whole = failure === undefined && transfer.tells === true;
  stage.figure.assertTrue({ whole, moves: transfer.bytes });
  if (fault.orphans !== true) assert.deepEqual(await stage.sessionsLeft(), []);
  const carried = stage.proxy.carried[transfer.kind === 'write' ? 'request' : 'response'];
  assert.ok(carried <= mostCarried * (transfer.bytes + headers), `${carried} bytes for ${transfer.bytes}`);
  const figure = failure === undefined ? (carried / transfer.bytes).toFixed(2) : failure.code;
  figures.push({ fault: fault.name, transfer: transfer.name, figure });
}

function codeOf(error: unknown): string {
  assert.ok(isGantryError(error), String(error));
  return error.code;
}

for (const fault of faults) {
  describe(fault.name, { concurrency: 4 }, () => {
    for (const transfer of transfers.filter(({ kind }) => fault.on === undefined || fault.on === kind)) {
      const because = fault.fails?.(transfer)?.because;
      const outcome = because === undefined ? 'succeeds' : `fails and leaves nothing, because ${because}`;
      it(
        `the transfer "${transfer.name}" with the fault "${fault.name}" ${outcome}`,
        { timeout: 180_000 },
        () => play(fault, transfer),
      );
    }
  });
}

function row(first: string, cells: readonly string[]): string {
  return `${first.padEnd(46)}${cells.map((cell) => cell.slice(0, 13).padEnd(14)).join('')}\n`;
}

after(() => {
  const names = transfers.map(({ name }) => name);
  process.stdout.write(row('bytes on the wire ÷ bytes needed', names));
  for (const { name } of faults) {
    const cell = (transfer: string): string =>
      figures.find((one) => one.fault === name && one.transfer === transfer)?.figure ?? '';
    process.stdout.write(row(name, names.map(cell)));
  }
});
