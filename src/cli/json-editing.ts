import { editJson, type JsonChange, type JsonPath } from '../json/edit.ts';
import type { Edit } from './editor.ts';

/**
 * On a terminal, shows a JSON document of one line with line breaks. The changes of members go into the old document, of which all
 * other bytes stay. Text that is no JSON is returned as it is, for the caller to refuse.
 */
export function inLines(edit: Edit): Edit {
  if (!process.stdin.isTTY) return edit;
  return async (before) => {
    const text = new TextDecoder().decode(before);
    const old = parsed(text);
    if (old === undefined || text.trimEnd().includes('\n')) return edit(before);
    const shown = new TextEncoder().encode(`${JSON.stringify(old, undefined, 2)}\n`);
    const after = await edit(shown);
    const value = parsed(new TextDecoder().decode(after));
    if (!isObject(old) || !isObject(value)) return after;
    return editJson(before, changesOf(old, value, []), { what: 'the document' });
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Lists the members that differ. */
function changesOf(
  before: unknown,
  after: unknown,
  path: readonly (string | number)[],
): readonly JsonChange[] {
  if (JSON.stringify(before) === JSON.stringify(after)) return [];
  if (!isObject(before) || !isObject(after)) {
    const [first, ...others] = path;
    return first === undefined ? [] : [{ path: [first, ...others], value: after }];
  }
  const gone = Object.keys(before).filter((key) => !Object.hasOwn(after, key));
  return [
    ...gone.map((key) => ({ path: pathTo(path, key), value: undefined })),
    ...Object.entries(after).flatMap(([key, value]) => changesOf(before[key], value, pathTo(path, key))),
  ];
}

function pathTo(path: readonly (string | number)[], key: string): JsonPath {
  const [first, ...others] = path;
  return first === undefined ? [key] : [first, ...others, key];
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
