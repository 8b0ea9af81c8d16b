import { type GantryError, isGantryError } from '../errors.ts';
import { enclosed } from '../flow/abort.ts';
import { createPool } from '../flow/pool.ts';
import type { Digest } from '../spec/digest.ts';
import type { Manifest } from '../spec/manifest.ts';
import { isIndexType } from '../spec/media-type.ts';
import { isTag } from '../spec/reference.ts';
import { isCosignTag, isReferrersTag } from '../spec/referrers-tag.ts';
import type { Repository, SignalOptions } from '../store/contract.ts';
import { createdAt } from './created.ts';

/** One tag of the repository, with the facts that gantry had to read. */
export interface TagState {
  readonly tag: string;
  /** `undefined` when nothing is behind the tag, or when `failure` says why gantry does not know it. */
  readonly digest?: Digest | undefined;
  readonly mediaType?: string | undefined;
  readonly created?: number | undefined;
  readonly failure?: GantryError;
}

/** The tags that a call selects. */
export interface Selection {
  /** Whether the tag matches the patterns; true without patterns. */
  readonly matches: (tag: string) => boolean;
  /** Whether one of the patterns aims at the tags of signatures and referrers, `sha256-...`, and matches. */
  readonly attachments: (tag: string) => boolean;
  /** Milliseconds. */
  readonly olderThan: number | undefined;
  readonly keep: number | undefined;
}

export interface Chosen extends TagState {
  readonly reason: string;
}

export interface Plan {
  /** The tags to delete, in groups of one digest. With `shared`, which gives the reason, only the tags may go. */
  readonly groups: readonly Group[];
  /** Selected tags that stay, for a reason that the user needs to know. */
  readonly kept: readonly Chosen[];
}

export interface Group {
  readonly digest: Digest | undefined;
  readonly tags: readonly Chosen[];
  readonly shared?: string | undefined;
}

/** The number of concurrent questions to the registry. */
const atOnce = 8;

/** Decides which tags and images to delete, and changes nothing. Throws the errors of listing the tags. */
export async function planPrune(
  repository: Repository,
  selection: Selection,
  options: SignalOptions,
): Promise<Plan> {
  const tags: string[] = [];
  for await (const tag of repository.tags.list(options)) if (isTag(tag)) tags.push(tag);
  const isCandidate = (tag: string): boolean =>
    isAttachment(tag) ? selection.attachments(tag) : selection.matches(tag);
  const pool = createPool(atOnce);
  const states = await enclosed(options.signal, (signal) =>
    Promise.all(
      tags.map((tag) =>
        pool.run(() => look(repository, tag, needsTime(selection) && isCandidate(tag), { signal }), {
          signal,
        }),
      ),
    ),
  );
  const { going, kept } = select(
    states.filter(({ tag }) => isCandidate(tag)),
    selection,
  );
  const chosen = new Set(going.map(({ tag }) => tag));
  const staying = states.filter(({ tag }) => !chosen.has(tag));
  const holders = await heldBy(repository, staying, options);
  const groups = grouped(going, holders);
  return { groups: [...groups, ...attachedTo(groups, staying)], kept };
}

function isAttachment(tag: string): boolean {
  return isReferrersTag(tag) || isCosignTag(tag);
}

function needsTime({ olderThan, keep }: Selection): boolean {
  return olderThan !== undefined || keep !== undefined;
}

async function look(
  repository: Repository,
  tag: string,
  withTime: boolean,
  options: SignalOptions,
): Promise<TagState> {
  try {
    const found = await repository.manifests.resolve(tag, options);
    if (found === undefined) return { tag };
    const { digest, mediaType } = found;
    if (!withTime) return { tag, digest, mediaType };
    const manifest = await repository.manifests.get(digest, options);
    return { tag, digest, mediaType, created: await createdAt(repository, manifest, options) };
  } catch (error) {
    options.signal?.throwIfAborted();
    if (!isGantryError(error)) throw error;
    return { tag, failure: error };
  }
}

/** Selects the candidates to delete. It counts the newest by images: another tag on one of them pushes no image out. */
function select(
  candidates: readonly TagState[],
  selection: Selection,
): { readonly going: readonly Chosen[]; readonly kept: readonly Chosen[] } {
  const { olderThan, keep } = selection;
  const kept: Chosen[] = [];
  const sound: TagState[] = [];
  for (const state of candidates) {
    const why = reasonToKeep(state, selection);
    if (why === undefined) sound.push(state);
    else kept.push({ ...state, reason: why });
  }
  if (!needsTime(selection)) {
    return { going: sound.map((state) => ({ ...state, reason: 'its name matches' })), kept };
  }
  const newest = [...new Map(sound.map(({ digest, created = 0 }) => [digest, created]))]
    .sort(([, a], [, b]) => b - a)
    .slice(0, keep ?? 0)
    .map(([digest]) => digest);
  const limit = olderThan === undefined ? Number.POSITIVE_INFINITY : Date.now() - olderThan;
  const going = sound
    .filter(({ digest, created = 0 }) => !newest.includes(digest) && created < limit)
    .map((state) => ({ ...state, reason: whyItGoes(state, selection) }));
  return { going, kept };
}

function reasonToKeep({ digest, created, failure }: TagState, selection: Selection): string | undefined {
  if (failure !== undefined) return `it could not be read: ${failure.message}`;
  if (!needsTime(selection)) return undefined;
  if (digest === undefined) return 'nothing is behind the tag, so its age is not known';
  return created === undefined
    ? 'neither its config nor an annotation says when it was made, so its age is not known'
    : undefined;
}

function whyItGoes({ created = 0 }: TagState, { olderThan, keep }: Selection): string {
  const made = `it was made ${new Date(created).toISOString()}`;
  const newer = keep === undefined || keep === 0 ? '' : `, and the newest ${keep} stay`;
  return olderThan === undefined ? `${made}${newer}` : `${made}, before the limit${newer}`;
}

/** Remaining tags, and indexes behind them, that need a digest; `unknown` if one of them cannot be read. */
interface Holders {
  readonly byDigest: ReadonlyMap<Digest, string>;
  readonly unknown?: string | undefined;
}

async function heldBy(
  repository: Repository,
  staying: readonly TagState[],
  options: SignalOptions,
): Promise<Holders> {
  const byDigest = new Map<Digest, string>();
  let unknown: string | undefined;
  for (const { tag, digest, failure } of staying) {
    if (failure !== undefined) unknown ??= `tag ${tag} can't be read, and may be of the same image`;
    if (digest !== undefined && !byDigest.has(digest))
      byDigest.set(digest, `tag ${tag}, which stays, is of the same image`);
  }
  const seen = new Set<Digest>();
  for (const { tag, digest, mediaType = '' } of staying) {
    if (digest === undefined || !isIndexType(mediaType)) continue;
    try {
      await holdChildren(repository, { tag, digest, seen }, byDigest, options);
    } catch (error) {
      options.signal?.throwIfAborted();
      if (!isGantryError(error)) throw error;
      unknown ??= `tag ${tag} can't be read, and may need the same image`;
    }
  }
  return { byDigest, unknown };
}

/** Notes the images of a remaining index: it needs them, with or without tags. */
async function holdChildren(
  { manifests }: Repository,
  { tag, digest, seen }: { readonly tag: string; readonly digest: Digest; readonly seen: Set<Digest> },
  byDigest: Map<Digest, string>,
  options: SignalOptions,
): Promise<void> {
  const open: Digest[] = [digest];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (seen.has(next)) continue;
    seen.add(next);
    const { body }: Manifest = await manifests.get(next, options);
    if (body.kind !== 'index') continue;
    for (const child of body.manifests) {
      if (!byDigest.has(child.digest))
        byDigest.set(child.digest, `tag ${tag}, which stays, is an index that needs it`);
      if (isIndexType(child.mediaType)) open.push(child.digest);
    }
  }
}

function grouped(going: readonly Chosen[], { byDigest, unknown }: Holders): readonly Group[] {
  const groups = new Map<string, { digest: Digest | undefined; tags: Chosen[] }>();
  for (const chosen of going) {
    const key = chosen.digest ?? `tag ${chosen.tag}`;
    const group = groups.get(key) ?? { digest: chosen.digest, tags: [] };
    group.tags.push(chosen);
    groups.set(key, group);
  }
  // Some registries refuse to delete an image while an index lists it.
  const isIndex = ({ tags }: { readonly tags: readonly Chosen[] }): number =>
    isIndexType(tags[0]?.mediaType ?? '') ? 0 : 1;
  return [...groups.values()]
    .sort((a, b) => isIndex(a) - isIndex(b))
    .map(({ digest, tags }) => ({
      digest,
      tags,
      shared: digest === undefined ? undefined : (byDigest.get(digest) ?? unknown),
    }));
}

/** Returns the tags of signatures and referrers of deleted images: each goes with its image, as a tag alone. */
function attachedTo(groups: readonly Group[], staying: readonly TagState[]): readonly Group[] {
  const whole = groups.filter(({ shared }) => shared === undefined).flatMap(({ digest }) => digest ?? []);
  const subjects = new Map(whole.map((digest) => [digest.replace(':', '-').slice(0, 71), digest]));
  return staying.flatMap((state) => {
    const subject = isAttachment(state.tag) ? subjects.get(state.tag.replace(/\..*$/, '')) : undefined;
    if (subject === undefined) return [];
    const reason = `it holds what refers to ${subject}`;
    return [{ digest: state.digest, tags: [{ ...state, reason }], shared: 'it is only a list' }];
  });
}
