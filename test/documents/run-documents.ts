import process from 'node:process';
import { describe, it } from 'node:test';
import { needs } from '../peer.ts';
import { compile } from './compiled.ts';
import { notRun } from './not-run.ts';
import { type Block, blocksOf } from './pages.ts';
import { openStage } from './stage.ts';

/** The shell blocks are for a POSIX shell, and `openssl` makes the certificates of the hosts in the documents. */
export const machine: { readonly skip: string | false } =
  process.platform === 'win32' ? { skip: 'the blocks are for a POSIX shell' } : needs('openssl');

/** Returns the blocks of a document without those of the reviewed list. */
export function blocksToRun(document: string): readonly Block[] {
  const listed = notRun.filter((entry) => entry.document === document);
  return blocksOf(document).filter(
    ({ code }) => !listed.some(({ begins }) => code.startsWith(`${begins}\n`)),
  );
}

export function isScript({ language }: Block): boolean {
  return language === 'ts' || language === 'js';
}

/** Defines a test for each document, which runs its blocks from top to bottom in one folder. */
export function runDocuments(documents: readonly string[]): void {
  describe('the blocks of code in the documents', { concurrency: 2, ...machine }, () => {
    for (const name of documents) {
      const blocks = blocksToRun(name);
      if (blocks.length === 0) continue;
      it(`all blocks of ${name} run one after the other, as a reader types them`, async (test) => {
        const { code } = await compile(test, blocks.filter(isScript));
        const stage = await openStage(test);
        for (const block of blocks) {
          await test.test(`the block at ${block.where} runs as it stands`, () =>
            stage.run(block, code.get(block.where)),
          );
        }
      });
    }
  });
}
