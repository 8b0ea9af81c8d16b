import type { ConvertOptions } from '../../client/convert.ts';
import { InputError } from '../../errors.ts';
import type { ConversionLoss } from '../../image/edit/convert.ts';
import { checkTime } from '../../spec/rfc3339.ts';
import type { Context } from '../context.ts';
import { runEdit } from '../edited.ts';
import { readCompression, sourceDate } from '../layer-options.ts';
import { readOption } from '../of-option.ts';
import type { ParsedArgs } from '../parsed-args.ts';

/** `gantry convert --to FORMAT IMAGE` */
export async function convert(context: Context, given: ParsedArgs): Promise<void> {
  const [source = ''] = given.arguments;
  const conversion = conversionOf(given);
  const client = await context.client();
  await runEdit(
    context,
    given,
    source,
    (options) => client.convert(source, { ...options, ...conversion }),
    ({ losses }) => {
      for (const loss of losses) context.output.note(sentenceOf(loss));
      return { losses };
    },
  );
}

/** Reads all options of the conversion before anything is sent. */
function conversionOf(given: ParsedArgs): ConvertOptions {
  return {
    format: choiceOf(given, 'to', ['docker', 'oci']),
    ...readCompression(given.text('compression')),
    digestAlgorithm: choiceOf(given, 'digest-algorithm', ['sha256', 'sha512']),
    inlineData: given.count('inline-data'),
    distributable: given.flag('distributable'),
    stripHistory: given.flag('strip-history'),
    stripBuildArguments: given.values('strip-build-arg'),
    stripPaths: given.values('strip-path'),
    time: timeOf(given.text('time')),
    base: given.text('base'),
    allLayers: given.flag('all-layers'),
  };
}

/** Returns the value of an option with choices. The parser takes no others. */
function choiceOf<T extends string>(given: ParsedArgs, option: string, choices: readonly T[]): T | undefined {
  return choices.find((choice) => choice === given.text(option));
}

/** Reads a time: in the form of RFC 3339, in seconds, or the name of the variable with them. */
function timeOf(text: string | undefined): ConvertOptions['time'] {
  if (text === undefined) return undefined;
  if (/^\d{1,11}$/.test(text)) return Number(text);
  if (text !== 'SOURCE_DATE_EPOCH') {
    readOption('time', text, checkTime);
    return text;
  }
  const seconds = sourceDate();
  if (seconds !== undefined) return seconds;
  throw new InputError('INVALID_OPTION', '--time SOURCE_DATE_EPOCH: the variable is not set');
}

function sentenceOf({ member, count }: ConversionLoss): string {
  return `left out ${count} ${member}: docker's format has no place for them`;
}
