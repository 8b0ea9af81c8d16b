import { type CopyOptions, copyCounted } from '../copy/copy.ts';
import { examined } from '../copy/examined.ts';
import { demandPresent } from '../copy/present.ts';
import { makeIndex } from '../image/create-index.ts';
import { withManifest } from '../image/source.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import type { Reference } from '../spec/reference.ts';
import type { Connections } from './connections.ts';
import { type TransferOptions, transfer } from './copy.ts';
import { loadAll, openDiskPlace } from './disk-place.ts';
import { openDestination } from './open.ts';
import { type LocalPlace, placeOfPath } from './place.ts';
import { watching } from './watch.ts';

/** Settings of `push`. */
export interface PushOptions extends TransferOptions {
  /**
   * Pushes all images of the place as one index. Without it gantry refuses a place with several images.
   * @defaultValue `false`
   */
  readonly index?: boolean | undefined;
}

/** Pushes an image from a path or from the docker daemon: a folder is an OCI layout, a file an archive. */
export async function pushPath(
  connections: Connections,
  path: string | LocalPlace,
  reference: Reference,
  { index = false, ...options }: PushOptions = {},
): Promise<Descriptor> {
  const origin = typeof path === 'string' ? await placeOfPath(path) : path;
  const target = { kind: 'registry', reference } as const;
  if (!index) return transfer(connections, origin, target, options);
  return watching(options, async ({ ledger, signal }) => {
    const { works } = ledger;
    const disk = await openDiskPlace(connections, origin, { signal, works });
    const source = disk.repository;
    try {
      const root = (await disk.index?.()) ?? makeIndex(await loadAll(disk, { signal }));
      const { repository, tags } = await openDestination(connections, target, { signal, works });
      const admit = disk.index === undefined ? options.admit : wholeFirst(options);
      const settings = { ...options, signal, tags, admit };
      const from = withManifest(examined(source), root);
      return await copyCounted(from, root.descriptor.digest, repository, settings, { ledger });
    } finally {
      await source[Symbol.asyncDispose]();
    }
  });
}

/** Refuses an index of which a layout lacks images, before the caller decides. */
function wholeFirst({ admit, platforms, sparse = false, signal }: TransferOptions): CopyOptions['admit'] {
  if (sparse && platforms !== undefined) return admit;
  return async (root, from, named) => {
    await demandPresent(from, root, { signal });
    await admit?.(root, from, named);
  };
}
