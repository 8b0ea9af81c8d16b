import type { EditedImage, EditOptions } from '../client/edit.ts';
import { type ArchivePlace, formatPlace, type Place, referenceOf, toPlace } from '../client/place.ts';
import type { CopyObserver } from '../copy/events.ts';
import { InputError } from '../errors.ts';
import { parseRepository } from '../spec/reference.ts';
import type { Context } from './context.ts';
import { fullDigest } from './full-name.ts';
import type { ParsedArgs } from './parsed-args.ts';
import { waiting } from './waiting.ts';

/** The options of the results of every command that makes or changes something. */
type ResultOptions = Pick<
  EditOptions,
  'to' | 'replace' | 'dryRun' | 'noWait' | 'onWait' | 'signal' | 'onEvent'
>;

/**
 * Runs a command that changes an image: reads the options that all of them have, and prints the result. `facts` returns
 * further members of the result for `--json`.
 */
export async function runEdit<T extends EditedImage>(
  context: Context,
  given: ParsedArgs,
  source: string | undefined,
  run: (options: EditOptions & { readonly onEvent: CopyObserver }) => Promise<T>,
  facts: (edited: T) => object = () => ({}),
): Promise<T> {
  const platforms = await context.platforms();
  const keepAttestations = given.flag('keep-attestations');
  const target = targetOf(given, source, 'docker-archive');
  return runResult(
    context,
    given,
    target,
    (options) => run({ ...options, platforms, keepAttestations }),
    facts,
  );
}

/** Runs a command that changes an index. `source` is the reference of the index, if it has one. */
export async function runIndexEdit(
  context: Context,
  given: ParsedArgs,
  source: string | undefined,
  run: (options: ResultOptions) => Promise<EditedImage>,
): Promise<void> {
  await runResult(context, given, targetOf(given, source, 'oci-archive'), run);
}

async function runResult<T extends EditedImage>(
  context: Context,
  given: ParsedArgs,
  target: Target,
  run: (options: ResultOptions & { readonly onEvent: CopyObserver }) => Promise<T>,
  facts: (edited: T) => object = () => ({}),
): Promise<T> {
  const options = {
    ...target,
    dryRun: given.flag('dry-run'),
    ...waiting(context, given),
    signal: context.signal,
  };
  const edited = await context.follow((onEvent) => run({ ...options, onEvent }));
  const { descriptor, before, place } = edited;
  const reference = printedName(place, descriptor.digest);
  // crane prints nothing for a file, which may be stdout.
  const lines = given.text('output') === undefined ? [reference] : [];
  await context.result({ reference, before: before?.digest, ...descriptor, ...facts(edited) }, ...lines);
  return edited;
}

type Target = Pick<EditOptions, 'to' | 'replace'>;

function targetOf(given: ParsedArgs, source: string | undefined, archive: ArchivePlace['kind']): Target {
  const [repo, output] = [given.text('repo'), given.text('output')];
  const tag = given.text('tag') ?? given.text('new_tag') ?? given.text('rebased');
  if (repo !== undefined && tag !== undefined)
    throw new InputError('INVALID_OPTION', '--repo pushes by digest, so it excludes --tag');
  if (output !== undefined) {
    if (repo !== undefined) throw new InputError('INVALID_OPTION', '--output excludes --repo');
    // A docker archive has docker's media types only.
    const kind = given.text('to') === 'oci' ? 'oci-archive' : archive;
    return { to: { kind, path: output, ...archiveName(tag ?? source) }, replace: true };
  }
  if (repo === undefined) return { to: tag };
  const { registry, repository } = parseRepository(repo);
  return { to: { kind: 'registry', reference: { registry, repository } } };
}

/** Returns the name of the image in an archive: its reference, without a digest. */
export function archiveName(text: string | undefined): { readonly name?: string } {
  if (text === undefined) return {};
  const place = toPlace(text);
  const named = referenceOf(place);
  if (named === undefined) return 'path' in place && place.name !== undefined ? { name: place.name } : {};
  const { digest, ...reference } = named;
  return digest === undefined ? { name: formatPlace({ kind: 'registry', reference }) } : {};
}

/** Returns the text that a command prints for a written image: `repository@digest`, or the digest for a place on disk. */
export function printedName(place: Place, digest: EditedImage['descriptor']['digest']): string {
  return place.kind === 'registry' ? fullDigest(formatPlace(place), digest) : digest;
}
