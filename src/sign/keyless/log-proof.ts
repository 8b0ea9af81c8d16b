import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { decodeBase64 } from '../base64.ts';
import type { InclusionProof, LogEntry } from '../log-entry.ts';
import { Rejection } from '../rejection.ts';
import type { LogKey } from './log-key.ts';

/**
 * Verifies that a trusted log contains an entry, by its proof and, if there is one, by the promise of the log. Returns the time of
 * the entry in milliseconds since 1970, which only a promise proves; undefined without one.
 * @throws Rejection with the reason
 */
export async function verifyInclusion(entry: LogEntry, keys: readonly LogKey[]): Promise<number | undefined> {
  const log = keys.find(({ id }) => id.equals(entry.logId));
  if (log === undefined)
    throw new Rejection('its log entry is from a log that the trusted root does not name');
  if (entry.proof === undefined) throw new Rejection('its log entry has no inclusion proof');
  await verifyProof(entry.body, entry.proof, log);
  if (entry.promise === undefined) return undefined;
  return verifyPromise(entry, entry.promise, log);
}

/** @see https://github.com/sigstore/rekor/blob/v1.3.6/types.md for the signed document */
async function verifyPromise(
  { body, integratedTime, logId, logIndex }: LogEntry,
  promise: Buffer,
  { key, from, until }: LogKey,
): Promise<number> {
  const document = `{"body":"${body.toString('base64')}","integratedTime":${integratedTime},"logID":"${logId.toString('hex')}","logIndex":${logIndex}}`;
  if (!(await key.verify(Buffer.from(document), promise))) {
    throw new Rejection('the promise of its log entry is not signed by the log');
  }
  const time = integratedTime * 1000;
  if (time < from || time > until)
    throw new Rejection('its log entry is from a time in which the log had another key');
  return time;
}

/** @see https://www.rfc-editor.org/rfc/rfc9162#section-2.1.3.2 */
async function verifyProof(body: Buffer, proof: InclusionProof, log: LogKey): Promise<void> {
  const { logIndex, treeSize, rootHash, hashes, checkpoint } = proof;
  if (logIndex >= treeSize) throw new Rejection('the inclusion proof of its log entry is outside of the log');
  const root = rootOf(hashOf(0, body), logIndex, treeSize, hashes);
  if (root === undefined || !root.equals(rootHash)) {
    throw new Rejection('the inclusion proof of its log entry leads to another root');
  }
  const signed = await verifyCheckpoint(checkpoint, log);
  if (signed.size !== treeSize || !signed.root.equals(rootHash)) {
    throw new Rejection('the inclusion proof of its log entry is not for the signed checkpoint');
  }
}

/** Computes the root of the tree from a leaf and the hashes beside its path; undefined if their number is wrong. */
function rootOf(leaf: Buffer, index: bigint, size: bigint, hashes: readonly Buffer[]): Buffer | undefined {
  let [at, last, root] = [index, size - 1n, leaf];
  for (const hash of hashes) {
    if (last === 0n) return undefined;
    if (at % 2n === 1n || at === last) {
      root = hashOf(1, hash, root);
      for (; at % 2n === 0n && at !== 0n; at /= 2n) last /= 2n;
    } else {
      root = hashOf(1, root, hash);
    }
    [at, last] = [at / 2n, last / 2n];
  }
  return last === 0n ? root : undefined;
}

function hashOf(kind: 0 | 1, ...parts: readonly Buffer[]): Buffer {
  const hash = createHash('sha256').update(Buffer.of(kind));
  for (const part of parts) hash.update(part);
  return hash.digest();
}

/**
 * Verifies the signature of the log on a checkpoint: a note of the name of the log, the size and the root of its tree.
 * @see https://github.com/transparency-dev/formats/blob/main/log/README.md
 */
async function verifyCheckpoint(
  checkpoint: string,
  { id, key }: LogKey,
): Promise<{ readonly size: bigint; readonly root: Buffer }> {
  const end = checkpoint.indexOf('\n\n');
  const note = checkpoint.slice(0, end + 1);
  const [, size = '', hash = ''] = note.split('\n');
  const root = decodeBase64(hash);
  if (end < 0 || !/^(?:0|[1-9]\d{0,18})$/.test(size) || root === undefined) {
    throw new Rejection('the checkpoint of its log entry is malformed');
  }
  for (const line of checkpoint.slice(end + 2).split('\n')) {
    const signature = decodeBase64(/^\u2014 \S+ (\S+)$/.exec(line)?.[1] ?? '*');
    // The first four bytes are those of the id of the key.
    if (signature === undefined || !signature.subarray(0, 4).equals(id.subarray(0, 4))) continue;
    if (await key.verify(Buffer.from(note), signature.subarray(4))) return { size: BigInt(size), root };
  }
  throw new Rejection('the checkpoint of its log entry is not signed by the log');
}
