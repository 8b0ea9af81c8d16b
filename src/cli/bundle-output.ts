import { replaceFile } from '../files/files.ts';

export async function writeOutput(path: string, bundle: Uint8Array | undefined): Promise<void> {
  await replaceFile(path, bundle ?? new Uint8Array(0));
}
