import { ContentError } from '../../errors.ts';
import type { JsonChange } from '../../json/edit.ts';
import { parseImageConfig } from '../../json/image-config.ts';
import type { ImageConfig } from '../../spec/image-config.ts';
import { familyOf } from '../../spec/media-family.ts';
import { checkArgument, checkOptions, type Shape, text } from '../../spec/options.ts';
import { formatPlatform } from '../../spec/platform.ts';
import { aView } from '../../store/checks.ts';
import type { SignalOptions } from '../../store/contract.ts';
import type { Image } from '../image.ts';
import { changed } from './changeable.ts';
import { envEdits, variableName } from './config-edit.ts';
import { documentsOf, type ImageDocuments } from './documents.ts';
import { type BuildStep, layersFor, layerTypeIn, stepsOf, withSteps } from './steps.ts';

/** The bases of a rebase. */
export interface RebaseBases {
  /** The base that the image was built on. */
  readonly from: Image;
  /** The base to put the image on. */
  readonly to: Image;
  /**
   * The name of the image in errors.
   * @defaultValue its digest
   */
  readonly name?: string | undefined;
  /**
   * The name of the old base in errors.
   * @defaultValue its digest
   */
  readonly fromName?: string | undefined;
}

const shape: Shape<RebaseBases> = { from: aView, to: aView, name: text, fromName: text };

/**
 * Replaces the base of an image: its layers, its part of the history, and the environment where the image has the values of
 * its old base. Everything else of the image stays. The layers are compared by the digests of their tars, so a base that was
 * compressed anew is the same base. With the same base twice, the image stays as it is.
 *
 * Reading the view throws MANIFEST_INVALID when the image is not built on `from`, or when `to` is for another platform, and
 * UNSUPPORTED for a layer that docker's media types have none for.
 * @throws INVALID_OPTION for a wrong argument
 * @example
 * ```ts
 * import { createClient, rebase } from 'gantry';
 *
 * await using client = createClient();
 * const image = await client.getImage('ghcr.io/acme/app:1');
 * const base = await client.getImage('alpine:3.20');
 * const rebased = rebase(image, { from: image.withoutLayers((_, at) => at > 0), to: base });
 * console.log((await rebased.manifest()).body.layers.length);
 * ```
 */
export function rebase(image: Image, bases: RebaseBases): Image {
  checkArgument('rebase', 'image', image, aView);
  checkOptions('rebase', bases, shape, ['from', 'to']);
  const { from, to } = bases;
  return changed(image, {
    async documents(documents, read) {
      const [old, next] = [await documentsOf(from, read), await documentsOf(to, read)];
      const [before, after] = [old.manifest.descriptor.digest, next.manifest.descriptor.digest];
      return before === after ? documents : rebased(documents, old, next, bases);
    },
    async layers(read) {
      const count = (await from.layers(read)).length;
      const base = layersFor(await image.manifest(read), await to.layers(read));
      return [...base, ...(await image.layers(read)).slice(count)];
    },
  });
}

function rebased(
  documents: ImageDocuments,
  old: ImageDocuments,
  next: ImageDocuments,
  { name = documents.manifest.descriptor.digest, fromName = old.manifest.descriptor.digest }: RebaseBases,
): ImageDocuments {
  const steps = stepsOf(documents);
  const oldSteps = stepsOf(old);
  refuseOtherBase(steps, oldSteps, name, fromName);
  const app = parseImageConfig(documents.config);
  const base = parseImageConfig(old.config);
  const target = parseImageConfig(next.config);
  refuseOtherPlatform(app, target, name);
  const own = steps.slice(lengthOfBase(steps, oldSteps));
  return withSteps(documents, [...stepsIn(documents, next), ...own], {
    config: [...rebasedEnv(app, base, target), ...rebasedSystem(app, base, target)],
  });
}

/**
 * Returns the number of layers that an image has from its base.
 * @throws MANIFEST_INVALID when the image is not built on it
 */
export async function countBaseLayers(
  image: Image,
  { from, name, fromName }: Omit<RebaseBases, 'to'>,
  read?: SignalOptions,
): Promise<number> {
  const [own, base] = [await documentsOf(image, read), await documentsOf(from, read)];
  const {
    manifest: { descriptor },
  } = own;
  const baseSteps = stepsOf(base);
  refuseOtherBase(
    stepsOf(own),
    baseSteps,
    name ?? descriptor.digest,
    fromName ?? base.manifest.descriptor.digest,
  );
  return diffIdsOf(baseSteps).length;
}

/** Returns the steps of the new base, after a check that the image's family has types for them. */
function stepsIn({ manifest }: ImageDocuments, next: ImageDocuments): readonly BuildStep[] {
  const family = familyOf(manifest.descriptor.mediaType);
  for (const { mediaType } of next.manifest.body.layers) layerTypeIn(family, mediaType);
  return stepsOf(next);
}

function diffIdsOf(steps: readonly BuildStep[]): readonly unknown[] {
  return steps.flatMap(({ layer }) => (layer === undefined ? [] : layer.diffId));
}

function refuseOtherBase(
  steps: readonly BuildStep[],
  oldSteps: readonly BuildStep[],
  name: string,
  fromName: string,
): void {
  const [own, base] = [diffIdsOf(steps), diffIdsOf(oldSteps)];
  const refuse = (reason: string): never => {
    throw new ContentError('MANIFEST_INVALID', `${name} is not based on ${fromName}: ${reason}`);
  };
  if (own.length < base.length) refuse(`it has ${own.length} layers, and the base has ${base.length}`);
  const at = base.findIndex((diffId, index) => diffId !== own[index]);
  if (at >= 0) refuse(`layer ${at} is ${String(own[at])}, and in the base ${String(base[at])}`);
}

function refuseOtherPlatform(app: ImageConfig, target: ImageConfig, name: string): void {
  if (app.os === target.os && app.architecture === target.architecture) return;
  throw new ContentError(
    'MANIFEST_INVALID',
    `${name} is for ${formatPlatform(app)}, and its new base is for ${formatPlatform(target)}`,
  );
}

/** Returns the number of the image's steps that come from its base. */
function lengthOfBase(steps: readonly BuildStep[], oldSteps: readonly BuildStep[]): number {
  const count = diffIdsOf(oldSteps).length;
  const isWhole = diffIdsOf(steps.slice(0, oldSteps.length)).length === count;
  if (isWhole && steps.length >= oldSteps.length && hasHistory(steps) === hasHistory(oldSteps))
    return oldSteps.length;
  // The history of one of them is missing or was rewritten, so the layers decide.
  let left = count;
  const at = steps.findIndex(({ layer }) => {
    if (left === 0) return true;
    if (layer !== undefined) left--;
    return false;
  });
  return at < 0 ? steps.length : at;
}

function hasHistory(steps: readonly BuildStep[]): boolean {
  return steps.some(({ entry }) => entry !== undefined);
}

/** Takes a variable from the new base where the image has the value of the old one, or neither has it. */
function rebasedEnv(app: ImageConfig, base: ImageConfig, target: ImageConfig): readonly JsonChange[] {
  const [own, old, next] = [variablesOf(app), variablesOf(base), variablesOf(target)];
  const changes: [string, string | null][] = [];
  for (const name of new Set([...old.keys(), ...next.keys()])) {
    const value = next.get(name) ?? null;
    if (own.get(name) === old.get(name)) changes.push([name, value]);
  }
  return envEdits(app.config?.Env ?? [], Object.fromEntries(changes), app.os === 'windows');
}

function variablesOf({ config }: ImageConfig): ReadonlyMap<string, string> {
  return new Map(
    (config?.Env ?? []).map((entry) => [variableName(entry), entry.slice(variableName(entry).length + 1)]),
  );
}

/** The version of the system belongs to the base, above all on Windows. */
function rebasedSystem(app: ImageConfig, base: ImageConfig, target: ImageConfig): readonly JsonChange[] {
  const version = app['os.version'] === base['os.version'] ? target['os.version'] : app['os.version'];
  return version === app['os.version'] ? [] : [{ path: ['os.version'], value: version }];
}
