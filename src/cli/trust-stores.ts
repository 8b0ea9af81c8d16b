import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { onDisk } from '../files/files.ts';
import { readSmall } from '../files/read-small.ts';
import { ofOption } from './of-option.ts';

/** A certificate has some kilobytes. */
const mostBytes = 1024 * 1024;

/**
 * Reads the certificates of all trust stores in a folder: `TYPE/NAME/*.crt`. Follows no links, since Notation does not either.
 * @throws IO_FAILED or NO_PERMISSION naming the option
 */
export async function readTrustStores(
  folder: string,
): Promise<Readonly<Record<string, readonly Uint8Array[]>>> {
  const stores: [string, readonly Uint8Array[]][] = [];
  for (const type of await foldersIn(folder)) {
    for (const name of await foldersIn(join(folder, type))) {
      stores.push([`${type}:${name}`, await certificatesIn(join(folder, type, name))]);
    }
  }
  return Object.fromEntries(stores);
}

async function foldersIn(folder: string): Promise<readonly string[]> {
  const entries = await onDisk(folder, () => readdir(folder, { withFileTypes: true })).catch(
    ofOption('notation-store'),
  );
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
}

async function certificatesIn(folder: string): Promise<readonly Uint8Array[]> {
  const entries = await onDisk(folder, () => readdir(folder, { withFileTypes: true }));
  const files = entries.filter((entry) => entry.isFile() && /\.(?:crt|cer|pem|der)$/.test(entry.name));
  const read = await Promise.all(files.map(({ name }) => readSmall(join(folder, name), mostBytes)));
  return read.flatMap((bytes) => (bytes === undefined ? [] : certificatesOf(bytes)));
}

/** Splits a file of several certificates in PEM. */
function certificatesOf(bytes: Uint8Array): readonly Uint8Array[] {
  const blocks = Buffer.from(bytes)
    .toString('latin1')
    .match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g);
  return blocks === null ? [bytes] : blocks.map((block) => Buffer.from(block));
}
