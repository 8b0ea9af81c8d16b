import type { Digest } from '../spec/digest.ts';
import { blobsOf, type Manifest, manifestsOf } from '../spec/manifest.ts';
import { type Base, type BaseRoot, isCalled } from './base.ts';
import { sameName } from './names.ts';
import type { Staged } from './staged.ts';

/**
 * Joins the content of an archive with the added content, each blob once. A name on both sides means the new
 * image. Leaves an image out that has lost its last name to a new one, because it could not be named any
 * more.
 */
export function union(added: Staged, base: Base): Staged {
  const names = new Map(added.manifests.names);
  const kept = base.roots.flatMap((root) => keep(root, added.manifests.names, names));
  const all = new Map<Digest, Manifest>();
  const blobs = new Set(added.blobs.digests());
  const reach = (digest: Digest): void => {
    if (all.has(digest)) return;
    const manifest = added.manifests.all.get(digest) ?? base.manifest(digest);
    if (manifest === undefined) {
      if (base.blob(digest) !== undefined) blobs.add(digest);
      return;
    }
    all.set(digest, manifest);
    for (const child of [...manifestsOf(manifest.body), ...blobsOf(manifest.body)]) reach(child.digest);
  };
  for (const digest of [
    ...added.manifests.all.keys(),
    ...names.values(),
    ...kept.map((root) => root.digest),
  ]) {
    reach(digest);
  }
  return {
    path: added.path,
    manifests: { all, names },
    blobs: { content: (digest) => added.blobs.content(digest) ?? base.blob(digest), digests: () => blobs },
    kept,
  };
}

/**
 * Keeps the root with its entry, or without one and with the names that it still has, which go into `names`.
 */
function keep(
  root: BaseRoot,
  added: ReadonlyMap<string, Digest>,
  names: Map<string, Digest>,
): readonly BaseRoot[] {
  const renamed = [...added].filter(([name]) => isCalled(root, name));
  const lost = renamed.filter(([, digest]) => digest !== root.digest).map(([name]) => name);
  if (lost.length === 0 && root.entry !== undefined) {
    // The root has the name already.
    for (const [name] of renamed) names.delete(name);
    return [root];
  }
  const left = root.names.filter((name) => !lost.some((other) => other === name || sameName(name, other)));
  for (const name of left) {
    if (![...names.keys()].some((known) => known === name || sameName(known, name)))
      names.set(name, root.digest);
  }
  return root.names.length === 0 ? [root] : [];
}
