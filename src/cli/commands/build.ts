import type { BuildLayer } from '../../build/options.ts';
import type { BuildOptions, BuildResult } from '../../client/build-options.ts';
import { diskKinds, formatPlace, type Place, parsePlace } from '../../client/place.ts';
import { InputError } from '../../errors.ts';
import type { Context } from '../context.ts';
import { archiveName, printedName } from '../edited.ts';
import { keyValues, variables, wordList } from '../key-values.ts';
import { readCompression, sourceDate, timeOf, timeOfSeconds } from '../layer-options.ts';
import { readOption } from '../of-option.ts';
import type { ParsedArgs } from '../parsed-args.ts';
import { documentsFolder } from '../state-folder.ts';
import { formatBytes } from '../units.ts';
import { waiting } from '../waiting.ts';

/** `gantry build DIR -t REF` */
export async function build(context: Context, given: ParsedArgs): Promise<void> {
  const [directory = '.'] = given.arguments;
  const to = targets(given);
  const options = {
    to,
    base: given.text('base'),
    cacheFrom: given.text('cache-from'),
    platforms: await context.platforms(),
    layers: layersOf(given.values('layer')),
    entrypoint: wordList('entrypoint', given.values('entrypoint')),
    cmd: wordList('cmd', given.values('cmd')),
    env: variables(given.values('env')),
    labels: keyValues('label', given.values('label')),
    annotations: annotationsOf(given),
    user: given.text('user'),
    workingDir: given.text('workdir'),
    exposedPorts: listOf(given, 'expose'),
    volumes: listOf(given, 'volume'),
    ignore: given.text('ignore'),
    created: createdOf(given),
    ...readCompression(given.text('compression')),
    documentCache: documentsFolder(),
    sbom: formOf(given.text('sbom')),
    replace: given.text('output') !== undefined,
    dryRun: given.flag('dry-run'),
    ...waiting(context, given),
    signal: context.signal,
  };
  const client = await context.client();
  const built = await context.follow((onEvent) => client.build(directory, { ...options, onEvent }));
  report(context, built);
  const references = built.places.map((place) => printedName(place, built.descriptor.digest));
  const isFile = given.text('output') !== undefined && !options.dryRun;
  const { places: _, ...facts } = built;
  await context.result({ references, ...facts }, ...(isFile ? [] : new Set(references)));
}

/** Tells the choices that gantry has made itself. */
function report({ output, json }: Context, { base, layers, startedBy }: BuildResult): void {
  if (json) return;
  if (base !== undefined) output.note(`base ${formatPlace(base.place)}, ${base.digest}`, 'dim');
  if (startedBy !== undefined) output.note(`start file by ${startedBy}`, 'dim');
  for (const { name, descriptor, isReused } of layers)
    output.note(`layer ${name}: ${formatBytes(descriptor.size)}${isReused ? ', unchanged' : ''}`, 'dim');
}

/** Returns the time of --created, or of SOURCE_DATE_EPOCH. */
function createdOf(given: ParsedArgs): string | undefined {
  const created = given.text('created');
  if (created !== undefined) return readOption('created', created, timeOf);
  const date = sourceDate();
  return date === undefined ? undefined : timeOfSeconds(date);
}

/** Returns the places that the image goes to. */
function targets(given: ParsedArgs): readonly (string | Place)[] {
  const tags = given.list('tag');
  const output = given.text('output');
  if (output === undefined) {
    if (tags.length > 0) return tags;
    throw new InputError('INVALID_OPTION', 'build needs --tag (-t), the place of the image, or --output');
  }
  const isPlace = [...diskKinds, 'docker-daemon'].some((kind) => output.startsWith(`${kind}:`));
  const place: Place = isPlace ? parsePlace(output) : { kind: 'docker-archive', path: output };
  if (!('path' in place) || place.name !== undefined || tags.length === 0) return [place];
  return tags.map((tag) => ({ ...place, ...archiveName(tag) }));
}

/** The parser has checked the choice. */
function formOf(text: string | undefined): BuildOptions['sbom'] {
  return text === 'spdx' || text === 'cyclonedx' ? text : undefined;
}

function listOf(given: ParsedArgs, option: string): readonly string[] | undefined {
  const values = given.list(option);
  return values.length === 0 ? undefined : values;
}

function annotationsOf(given: ParsedArgs): Readonly<Record<string, string>> | undefined {
  const pairs = Object.entries(keyValues('annotation', given.values('annotation')) ?? {});
  const set = pairs.map(([key, value]) => {
    if (value === null)
      throw new InputError(
        'INVALID_OPTION',
        `--annotation ${key}-: a new image has no annotations to remove`,
      );
    return [key, value] as const;
  });
  return set.length === 0 ? undefined : Object.fromEntries(set);
}

function layersOf(texts: readonly string[]): readonly BuildLayer[] | undefined {
  return texts.length === 0 ? undefined : texts.map((text) => readOption('layer', text, parseLayer));
}

/** Parses `SRC[:DEST][,owner=UID:GID][,mode=OCTAL][,platform=OS/ARCH]`. */
function parseLayer(text: string): BuildLayer {
  const [paths = '', ...settings] = text.split(',');
  // A Windows path has a colon behind the letter of the drive.
  const colon = paths.indexOf(':', /^[A-Za-z]:[\\/]/.test(paths) ? 2 : 0);
  const platforms: string[] = [];
  let layer: BuildLayer =
    colon < 0 ? { from: paths } : { from: paths.slice(0, colon), to: paths.slice(colon + 1) };
  for (const setting of settings) {
    const [, name = '', value = ''] = /^([a-z]+)=(.+)$/.exec(setting) ?? [];
    const [, uid, gid] = /^(\d{1,10}):(\d{1,10})$/.exec(value) ?? [];
    if (name === 'platform') platforms.push(value);
    else if (name === 'owner' && uid && gid)
      layer = { ...layer, owner: { uid: Number(uid), gid: Number(gid) } };
    else if (name === 'mode' && /^[0-7]{3,4}$/.test(value))
      layer = { ...layer, mode: Number.parseInt(value, 8) };
    else
      throw new InputError(
        'INVALID_OPTION',
        `"${setting.slice(0, 100)}" is none of owner=UID:GID, mode=OCTAL and platform=OS/ARCH`,
      );
  }
  return platforms.length === 0 ? layer : { ...layer, platforms };
}
