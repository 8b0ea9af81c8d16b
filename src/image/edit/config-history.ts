import type { JsonChange } from '../../json/edit.ts';
import { parseImageConfig } from '../../json/image-config.ts';
import type { Image } from '../image.ts';
import { changed } from './changeable.ts';
import { editDocuments, type ImageDocuments } from './documents.ts';
import { stepsOf } from './steps.ts';

/** Removes the history of an image. Images without one are complete. */
export function withoutHistory(image: Image): Image {
  return changed(image, {
    documents: async (documents) => edited(documents, [{ path: ['history'], value: undefined }]),
  });
}

/**
 * Gives the image, and each entry of its history above the base, this time where they are later. `latest` is in whole seconds
 * since 1970.
 */
export function withLatestTime(
  image: Image,
  { latest, baseLayers }: { readonly latest: number; readonly baseLayers: number },
): Image {
  return changed(image, {
    async documents(documents) {
      const { created, history = [] } = parseImageConfig(documents.config);
      const base = lengthOfBase(documents, baseLayers);
      return edited(documents, [
        ...clamped(['created'], created, latest),
        ...history.flatMap((entry, at) =>
          at < base ? [] : clamped(['history', at, 'created'], entry.created, latest),
        ),
      ]);
    },
  });
}

function edited(documents: ImageDocuments, config: readonly JsonChange[]): ImageDocuments {
  stepsOf(documents);
  return editDocuments(documents, { config });
}

/** Returns the number of entries up to the last layer of the base. */
function lengthOfBase(documents: ImageDocuments, baseLayers: number): number {
  let left = baseLayers;
  return stepsOf(documents).filter(({ layer }) => {
    if (left === 0) return false;
    if (layer !== undefined) left--;
    return true;
  }).length;
}

function clamped(path: JsonChange['path'], time: string | undefined, latest: number): readonly JsonChange[] {
  // A fraction of the last second is later, too.
  const isLater = time !== undefined && Date.parse(time) >= latest * 1000;
  return isLater ? [{ path, value: formatSeconds(latest) }] : [];
}

function formatSeconds(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace('.000Z', 'Z');
}

/**
 * Removes arguments of the build from the history, each given as `NAME=VALUE`: the entries of their `ARG`, and the values
 * ahead of the commands that ran with them, which docker and BuildKit write as `RUN |2 A=1 B=2 /bin/sh -c …`.
 */
export function withoutBuildArguments(image: Image, pairs: readonly string[]): Image {
  const names = pairs.map((pair) => pair.slice(0, pair.indexOf('=')));
  return changed(image, {
    async documents(documents) {
      const { history = [] } = parseImageConfig(documents.config);
      const changes = history.flatMap(
        ({ created_by: text = '', empty_layer: isEmpty }, at): readonly JsonChange[] => {
          if (isEmpty === true && names.includes(argumentOf(text)))
            return [{ path: ['history', at], value: undefined }];
          const without = pairs.reduce(withoutPair, text);
          return without === text ? [] : [{ path: ['history', at, 'created_by'], value: without }];
        },
      );
      return edited(documents, changes);
    },
  });
}

/** Returns the name in an entry of `ARG`; empty for any other entry. */
function argumentOf(text: string): string {
  const [, name = ''] = /^(?:\/bin\/sh -c #\(nop\) +)?ARG ([^=\s]+)/.exec(text) ?? [];
  return name;
}

/** Takes an argument out of the list ahead of a command, and counts the list anew. */
function withoutPair(text: string, pair: string): string {
  const [, head = '', digits = '', rest = ''] = /^((?:RUN )?)\|(\d{1,4})( .*)$/s.exec(text) ?? [];
  const at = rest.indexOf(` ${pair} `);
  if (at < 0) return text;
  const left = rest.slice(0, at) + rest.slice(at + pair.length + 1);
  const count = Number(digits) - 1;
  return count > 0 ? `${head}|${count}${left}` : `${head}${left.slice(1)}`;
}
