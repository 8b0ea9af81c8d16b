import type { FileEntry } from '../../image/file-entry.ts';
import type { TarType } from '../../tar/entry.ts';
import type { Context } from '../context.ts';
import type { ParsedArgs } from '../parsed-args.ts';

/** `gantry ls-files IMAGE` */
export async function lsFiles(context: Context, given: ParsedArgs): Promise<void> {
  const [image = ''] = given.arguments;
  const options = { ...(await context.platform()), signal: context.signal };
  const isLong = given.flag('long');
  const client = await context.client();
  const entries: unknown[] = [];
  for await (const entry of client.listFiles(image, options)) {
    if (context.json) entries.push(jsonOf(entry));
    else await context.output.line(isLong ? longLine(entry) : nameOf(entry));
  }
  if (context.json) await context.result({ image, files: entries });
}

/** Extended attributes are bytes, which JSON has in base64. */
function jsonOf({ xattrs, ...entry }: FileEntry): unknown {
  if (xattrs === undefined) return entry;
  const encoded = [...xattrs].map(([name, value]) => [name, Buffer.from(value).toString('base64')]);
  return { ...entry, xattrs: Object.fromEntries(encoded) };
}

function nameOf({ path, type }: FileEntry): string {
  return type === 'directory' ? `${path}/` : path;
}

function longLine(entry: FileEntry): string {
  const { type, size, mtime, uid, gid, linkname, device } = entry;
  const amount = device === undefined ? String(size) : `${device.major},${device.minor}`;
  const time = timeOf(mtime);
  const target = linkname === undefined ? '' : ` ${type === 'link' ? 'link to' : '->'} ${linkname}`;
  const owner = `${uid}/${gid}`;
  return `${modeOf(entry)} ${owner.padEnd(9)} ${amount.padStart(10)} ${time} ${nameOf(entry)}${target}`;
}

/** The letters of `ls -l` and `tar -tv`. */
const letters: Readonly<Record<TarType, string>> = {
  file: '-',
  link: 'h',
  symlink: 'l',
  'character-device': 'c',
  'block-device': 'b',
  directory: 'd',
  fifo: 'p',
};

function modeOf({ type, mode }: FileEntry): string {
  const special = [mode & 0o4000 ? 's' : '', mode & 0o2000 ? 's' : '', mode & 0o1000 ? 't' : ''];
  const classes = special.map((letter, at) => {
    const bits = mode >> (6 - at * 3);
    const isRun = (bits & 1) === 1;
    const last = letter === '' ? (isRun ? 'x' : '-') : isRun ? letter : letter.toUpperCase();
    return `${bits & 4 ? 'r' : '-'}${bits & 2 ? 'w' : '-'}${last}`;
  });
  return `${letters[type]}${classes.join('')}`;
}

/** Beyond the years that a date of JavaScript holds, the number of seconds. */
function timeOf(seconds: number): string {
  const time = new Date(seconds * 1000);
  return Number.isNaN(time.getTime()) ? String(seconds) : `${time.toISOString().slice(0, 19)}Z`;
}
