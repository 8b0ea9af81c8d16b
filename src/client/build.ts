import { type BuiltLayer, buildPlanned } from '../build/build-image.ts';
import { checkBuildSettings } from '../build/check-settings.ts';
import { majorOf } from '../build/node/engines.ts';
import { type BuildPlan, planBuild } from '../build/plan.ts';
import { refuseNoNode } from '../build/run-config.ts';
import { refuseNoPackages, sbomView } from '../build/sbom/sbom.ts';
import { InputError } from '../errors.ts';
import { epoch } from '../image/edit/steps.ts';
import type { Image } from '../image/image.ts';
import type { Index } from '../image/image-index.ts';
import { baseName } from './base-name.ts';
import type { BuildOptions, BuildResult, BuildResultLayer } from './build-options.ts';
import { openParts } from './build-parts.ts';
import type { Connections } from './connections.ts';
import { createDocuments, type DocumentMemory, type Documents, keepDocuments } from './documents.ts';
import { createKeptLayers } from './kept-layers.ts';
import { formatPlace, type Place, toPlace } from './place.ts';
import { isStandard } from './standard.ts';
import { type Watch, watching } from './watch.ts';
import { writeView } from './write-view.ts';

/** Builds an image of a folder, and writes it to each place. */
export async function buildFolder(
  connections: Connections,
  directory: string,
  { to, base, cacheFrom, documentCache, sbom, dryRun = false, ...options }: BuildOptions,
): Promise<BuildResult> {
  options.signal?.throwIfAborted();
  const places = [to].flat().map(toPlace);
  const [first] = places;
  if (first === undefined && !dryRun)
    throw new InputError('INVALID_OPTION', 'build: say where the image goes, with "to"');
  checkBuildSettings(options);
  const outputs = places.flatMap((place) => ('path' in place && !isStandard(place.path) ? place.path : []));
  const earlier = cacheFrom === undefined ? first : toPlace(cacheFrom);
  const plan = await planBuild(directory, options, { outputs });
  const basePlace = basePlaceOf(plan, directory, base);
  if (basePlace === undefined) refuseNoNode(plan);
  if (sbom !== undefined) refuseSbom(plan, places);
  const documents = await openDocuments(documentCache, connections.documents);
  return watching(options, async (watch) => {
    await using kept = createKeptLayers();
    const opener = { connections, watch, documents };
    await using parts = await openParts(opener, {
      base: basePlace,
      earlier,
      isTarget: cacheFrom === undefined,
    });
    await using built = await buildPlanned(plan, {
      works: watch.ledger.works,
      base: parts.base?.view,
      baseName: basePlace && baseName(basePlace),
      previous: parts.previous?.view,
      readable: basePlace?.kind === 'registry' ? (image) => kept.keep(image) : undefined,
      ...options,
      signal: watch.signal,
    });
    const { descriptor } = await built.view.manifest({ signal: watch.signal });
    const { platforms, targets } = built;
    const { created = epoch } = options;
    const bill = sbom && (await sbomView(plan, { form: sbom, image: descriptor, targets, created }));
    const write = createWriter(connections, watch, options);
    for (const place of dryRun ? [] : places) {
      const isThere = place === earlier && parts.previous?.digest === descriptor.digest;
      if (!isThere) await write(built.view, place);
      if (bill !== undefined) await write(bill, withoutName(place));
    }
    if (!dryRun) await keepDocuments(built.view, documents);
    return {
      descriptor,
      places,
      base: basePlace && parts.base && { place: basePlace, digest: parts.base.digest },
      platforms,
      layers: await Promise.all(built.layers.map(describe)),
      startedBy: plan.node?.entry?.from,
      sbom: bill && (await bill.manifest()).descriptor,
    };
  });
}

async function openDocuments(folder: string | undefined, memory: DocumentMemory): Promise<Documents> {
  if (folder === undefined) return createDocuments(memory);
  return (await import('./document-cache.ts')).createDocumentCache(folder);
}

/** Returns a function that writes views. A second one in the same archive joins the first. */
function createWriter(
  connections: Connections,
  watch: Watch,
  { jobs, nondistributable, noWait, onWait, replace = false }: Omit<BuildOptions, 'to'>,
): (view: Image | Index, target: Place) => Promise<void> {
  const written = new Set<string>();
  return async (view, target) => {
    const path = 'path' in target ? target.path : '';
    const isFirst = !written.has(path);
    const settings = { jobs, nondistributable, noWait, onWait, replace: replace && isFirst };
    await writeView(connections, { view, target }, watch, settings);
    written.add(path);
  };
}

async function describe({ name, platforms, layer, isReused }: BuiltLayer): Promise<BuildResultLayer> {
  return { name, platforms, descriptor: await layer.descriptor(), diffId: await layer.diffId(), isReused };
}

/** A referrer has no name of its own. */
function withoutName(place: Place): Place {
  if (place.kind === 'docker-daemon') return place;
  if (place.kind !== 'registry') {
    const { name: _, ...unnamed } = place;
    return unnamed;
  }
  const { tag: _, digest: __, ...reference } = place.reference;
  return { ...place, reference };
}

/**
 * Refuses a bill of materials that nothing could be made of, or that a place could not take.
 * @throws INVALID_OPTION
 */
function refuseSbom(plan: BuildPlan, places: readonly Place[]): void {
  refuseNoPackages(plan);
  const place = places.find(({ kind }) => kind !== 'registry' && kind !== 'oci' && kind !== 'oci-archive');
  if (place === undefined) return;
  throw new InputError(
    'INVALID_OPTION',
    `${formatPlace(place)} takes no bill of materials beside an image: write an oci-archive or a layout, or push`,
  );
}

/** Returns the place of the base; undefined for none. */
function basePlaceOf(
  plan: BuildPlan,
  directory: string,
  base: string | Place | undefined,
): Place | undefined {
  if (base === 'scratch') return undefined;
  if (base !== undefined) return toPlace(base);
  const { node } = plan;
  if (node === undefined)
    throw new InputError('INVALID_OPTION', 'build: name a base, or "scratch" for an image without one');
  const range = node.manifest.node;
  const major = range === undefined ? undefined : majorOf(range);
  if (major !== undefined) return toPlace(`node:${major}-slim`);
  const reason =
    range === undefined ? 'has no engines.node' : `permits no supported Node by engines.node "${range}"`;
  throw new InputError(
    'INVALID_OPTION',
    `the package.json in ${directory} ${reason}, so name a base, such as node:22-slim`,
  );
}
