import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type ErrorCode, isGantryError } from '../../src/errors.ts';
import { createMemoryRegistry } from '../../src/memory/registry.ts';
import type { UploadOptions } from '../../src/remote/upload/plan.ts';
import type { Middleware } from '../../src/wire/message.ts';
import { giveLarge, large } from './large.ts';
import type { Transfer } from './operations.ts';
import type { WireFault } from './proxy.ts';
import * as spoil from './spoil.ts';
import { openStage } from './stage.ts';

/** The cost of one fault for a large layer: bytes on the wire ÷ needed bytes. */

interface Row {
  readonly name: string;
  readonly of: readonly Transfer[];
  readonly wire?: (transfer: Transfer) => WireFault;
  readonly http?: () => Middleware;
  readonly impatient?: true;
  readonly fast?: true;
  readonly upload?: UploadOptions;
  /** Bytes on the wire ÷ needed bytes. */
  readonly most: number;
  readonly fails?: ErrorCode;
}

const mebibyte = 1024 * 1024;
const { blob, stream, fromRegistry, toRegistry, toLayout, toArchive } = large;
const reads = [toRegistry, toLayout, toArchive];
const inChunks = { chunkThreshold: 128 * mebibyte, chunkSize: 96 * mebibyte };

const late = ({ kind, bytes }: Transfer): WireFault => ({
  direction: kind === 'write' ? 'request' : 'response',
  after: Math.floor(bytes * 0.7),
  how: 'cut',
});
const cutOften = (): WireFault => ({
  direction: 'response',
  after: 8 * mebibyte,
  how: 'cut',
  everywhere: true,
});
const stall = (transfer: Transfer): WireFault => ({ ...late(transfer), how: 'stall' });

const rows: readonly Row[] = [
  { name: 'no fault', of: [blob, stream, toLayout], most: 1.01 },
  { name: 'request cut', of: [blob, stream, fromRegistry], wire: late, most: 1.1 },
  { name: 'request cut in chunks', of: [blob], wire: late, upload: inChunks, most: 1.1 },
  { name: 'request cut, Location elsewhere', of: [blob], wire: late, http: spoil.movesSessions, most: 1.1 },
  { name: 'request stalls', of: [blob, stream], wire: stall, impatient: true, most: 1.1 },
  {
    name: 'answer to the commit lost',
    of: [blob, stream],
    http: () => spoil.losesAnswers(['upload.commit']),
    most: 1.01,
  },
  { name: '503 once for everything', of: [blob], http: () => spoil.refusesOnce(503), most: 1.1 },
  {
    name: '401 when bytes are to go',
    of: [blob],
    http: () => spoil.endsTokens(spoil.bodySteps, 1),
    most: 1.1,
  },
  {
    name: 'chunks refused with 416',
    of: [blob],
    http: () => spoil.refusesChunks(416),
    upload: inChunks,
    most: 1.1,
  },
  { name: 'chunks refused with 416', of: [stream], http: () => spoil.refusesChunks(416), most: 1.1 },
  {
    // id: fault-large-bodies-413
    name: 'bodies over 20 MB refused with 413',
    of: [blob],
    http: () => spoil.refusesBodies(20_000_000),
    most: 1.1,
  },
  {
    name: 'session lost by a cut',
    of: [blob, fromRegistry],
    wire: late,
    http: spoil.losesSessionsOnCuts,
    most: 2,
  },
  {
    name: 'session lost by a cut',
    of: [stream],
    wire: late,
    http: spoil.losesSessionsOnCuts,
    most: 1,
    fails: 'BLOB_UPLOAD_UNKNOWN',
  },
  {
    name: 'no Range after a cut',
    of: [blob],
    wire: late,
    http: () => spoil.saysOfSessions(() => undefined),
    most: 2,
  },
  { name: 'answer cut', of: reads, wire: late, most: 1.1 },
  { name: 'every answer cut after 8 MiB', of: reads, wire: cutOften, fast: true, most: 1.02 },
  { name: 'answer stalls', of: [toLayout], wire: stall, impatient: true, most: 1.1 },
  {
    name: 'clean early end',
    of: [toArchive],
    http: () => spoil.endsEarly(200 * mebibyte, 'nothing'),
    most: 1.1,
  },
  {
    name: 'short Content-Length',
    of: [toRegistry],
    http: () => spoil.endsEarly(200 * mebibyte, 'short'),
    most: 1.1,
  },
  { name: '503 after a cut', of: [toLayout], wire: late, http: () => spoil.refusesRanges(503, 4), most: 1.1 },
  {
    name: '401 after a cut',
    of: [toLayout],
    wire: late,
    http: () => spoil.endsTokens(['blob.get'], 1),
    most: 1.1,
  },
  { name: 'Range ignored after a cut', of: [toLayout], wire: late, http: () => spoil.ignoresRanges, most: 2 },
  { name: 'flipped byte once', of: [toRegistry], http: () => spoil.flipsBytes(1), most: 2.1 },
];

const held = createMemoryRegistry();
before(() => giveLarge(held));
const figures: string[] = [];

async function play(row: Row, transfer: Transfer): Promise<void> {
  await using stage = await openStage({
    http: row.http?.(),
    wire: row.wire?.(transfer),
    impatient: row.impatient,
    fast: row.fast,
    upload: row.upload ?? {},
    ...(transfer.kind === 'read' ? { holds: held } : {}),
    ...(transfer === fromRegistry ? { goodHolds: held } : {}),
  });
  const { fails } = row;
  if (fails === undefined) {
    await transfer.run(stage);
    await transfer.assertThere(stage);
  } else {
    await assert.rejects(transfer.run(stage), (error) => isGantryError(error, fails));
    await transfer.assertClean(stage);
  }
  stage.figure.assertTrue({ whole: false, moves: transfer.bytes });
  assert.deepEqual(await stage.sessionsLeft(), []);
  const carried = stage.proxy.carried[transfer.kind === 'write' ? 'request' : 'response'];
  const figure = carried / transfer.bytes;
  figures.push(`${`${row.name}, ${transfer.name}`.padEnd(64)}${figure.toFixed(3)} of at most ${row.most}\n`);
  assert.ok(figure <= row.most, `${figure} of at most ${row.most}`);
}

for (const row of rows) {
  describe(row.name, () => {
    for (const transfer of row.of) {
      const outcome =
        row.fails === undefined ? `sends at most ${row.most} of its bytes` : `fails with ${row.fails}`;
      it(
        `the transfer "${transfer.name}" with the fault "${row.name}" ${outcome}`,
        { timeout: 300_000 },
        () => play(row, transfer),
      );
    }
  });
}

after(() => {
  process.stdout.write(`300 MiB: bytes on the wire ÷ bytes needed\n${figures.join('')}`);
});
