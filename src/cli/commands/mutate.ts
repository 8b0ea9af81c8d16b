import { InputError } from '../../errors.ts';
import { type ConfigEdit, checkConfigEdit, type Healthcheck } from '../../image/edit/config-edit.ts';
import type { Image } from '../../image/image.ts';
import { parsePlatform } from '../../spec/platform.ts';
import type { Context } from '../context.ts';
import { runEdit } from '../edited.ts';
import { keyValues, variables, wordList } from '../key-values.ts';
import { layerOptions, timeOf } from '../layer-options.ts';
import { readOption } from '../of-option.ts';
import type { ParsedArgs } from '../parsed-args.ts';

/** `gantry mutate IMAGE` */
export async function mutate(context: Context, given: ParsedArgs): Promise<void> {
  const [source = ''] = given.arguments;
  const change = mutation(given);
  const indexAnnotations = keyValues('index-annotation', given.values('index-annotation'));
  const client = await context.client();
  const files = given.list('append');
  const layers = { base: source, change, ...layerOptions(given) };
  await runEdit(context, given, source, (options) =>
    files.length === 0
      ? client.edit(source, change, { ...options, indexAnnotations })
      : client.append(files, { ...options, ...layers, indexAnnotations }),
  );
}

/** Reads all options of the change before anything is sent. */
function mutation(given: ParsedArgs): (image: Image) => Image {
  const config = configChange(given);
  const annotations = keyValues('annotation', given.values('annotation'), given.values('unset-annotation'));
  const platform = parsedValue(given, 'set-platform', parsePlatform);
  const created = isUnset(given, 'created') ? null : parsedValue(given, 'created', timeOf);
  checkConfigEdit(config);
  return (image) => {
    const configured = Object.values(config).some((value) => value !== undefined)
      ? image.withConfig(config)
      : image;
    const annotated = annotations === undefined ? configured : configured.withAnnotations(annotations);
    const placed = platform === undefined ? annotated : annotated.withPlatform(platform);
    return created === undefined ? placed : placed.withCreated(created);
  };
}

function configChange(given: ParsedArgs): ConfigEdit {
  const words = (option: string): readonly string[] | null | undefined =>
    isUnset(given, option) ? null : wordList(option, given.values(option));
  const text = (option: string): string | null | undefined =>
    isUnset(given, option) ? null : given.text(option);
  return {
    env: variables(given.values('env'), given.values('unset-env')),
    labels: keyValues('label', given.values('label'), given.values('unset-label')),
    entrypoint: words('entrypoint'),
    cmd: words('cmd'),
    keepCmd: given.flag('keep-cmd') || undefined,
    user: text('user'),
    workingDir: text('workdir'),
    exposedPorts: words('exposed-ports'),
    volumes: words('volumes'),
    stopSignal: text('stop-signal'),
    healthcheck: isUnset(given, 'healthcheck') ? null : parsedValue(given, 'healthcheck', healthcheckOf),
    shell: words('shell'),
    author: text('author'),
  };
}

function healthcheckOf(text: string): Healthcheck {
  if (text.toLowerCase() === 'none') return { Test: ['NONE'] };
  if (text.startsWith('[')) return { Test: wordList('healthcheck', [text]) ?? [] };
  if (!text.startsWith('{')) return { Test: ['CMD-SHELL', text] };
  try {
    const check: unknown = JSON.parse(text);
    if (typeof check === 'object' && check !== null) return check;
  } catch {
    // The message below names the option.
  }
  throw new InputError('INVALID_OPTION', 'the value begins with "{" and is not JSON');
}

function parsedValue<T>(given: ParsedArgs, option: string, parse: (text: string) => T): T | undefined {
  const text = given.text(option);
  return text === undefined ? undefined : readOption(option, text, parse);
}

function isUnset(given: ParsedArgs, member: string): boolean {
  return given.list('unset').includes(member);
}
