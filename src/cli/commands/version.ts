import type { Context } from '../context.ts';
import { packageVersion } from '../version.ts';

/** `gantry version` with options; main.ts handles it without any. */
export async function version(context: Context): Promise<void> {
  const number = packageVersion();
  await context.result({ version: number, node: process.versions.node }, number);
}
