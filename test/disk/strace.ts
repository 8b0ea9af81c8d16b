import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';

/** One successful system call, with its beginning and its end in the order of the trace. */
export interface SystemCall {
  readonly name: string;
  readonly args: string;
  readonly began: number;
  readonly ended: number;
}

const calls =
  'openat,mkdir,mkdirat,rename,renameat,renameat2,link,linkat,unlink,unlinkat,fsync,fdatasync,write,writev,pwrite64,utimensat';

/** Returns the specifier of a module of the sources as a literal. */
function at(file: string): string {
  return JSON.stringify(new URL(`../../src/${file}`, import.meta.url).href);
}

/** Runs code with `registry` open at `store` under strace, and returns its system calls. */
export async function traced(store: string, code: string): Promise<readonly SystemCall[]> {
  const script = `
    import { writeSync } from 'node:fs';
    const { openDiskRegistry } = await import(${at('disk/registry.js')});
    const { bytesContent } = await import(${at('flow/content.js')});
    const { blobOf, give, giveImage, imageOf } = await import(${at('testing/contract/sample.js')});
    const registry = await openDiskRegistry(${JSON.stringify(store)});
    const ack = (...paths) => writeSync(1, 'ack ' + paths.join(' ') + '\\n');
    ${code}
    process.exit(0);`;
  const log = `${store}.strace`;
  const child = spawn(
    'strace',
    [
      '-f',
      '-y',
      '-s',
      '4000',
      '-e',
      `trace=${calls}`,
      '-o',
      log,
      process.execPath,
      '--input-type=module',
      '-e',
      script,
    ],
    { stdio: ['ignore', 'ignore', 'inherit'] },
  );
  await once(child, 'close');
  assert.equal(child.exitCode, 0);
  return parseTrace(await readFile(log, 'utf8'));
}

function parseTrace(text: string): SystemCall[] {
  const found: SystemCall[] = [];
  const unfinished = new Map<string, { readonly text: string; readonly began: number }>();
  for (const [at, line] of text.split('\n').entries()) {
    const [, thread = '', rest = ''] = /^(\d+) +(.*)$/.exec(line) ?? [];
    const begun = /^(.*) <unfinished \.\.\.>$/.exec(rest)?.[1];
    if (begun !== undefined) {
      unfinished.set(thread, { text: begun, began: at });
      continue;
    }
    const end = /^<\.\.\. \w+ resumed>(.*)$/.exec(rest)?.[1];
    const start = end === undefined ? undefined : unfinished.get(thread);
    const whole = end === undefined ? rest : `${start?.text ?? ''}${end}`;
    const call = /^(\w+)\((.*)\) += (-?\d+)/.exec(whole);
    if (call === null || Number(call[3]) < 0) continue;
    found.push({ name: call[1] ?? '', args: call[2] ?? '', began: start?.began ?? at, ended: at });
  }
  return found.sort((a, b) => a.ended - b.ended);
}

interface Inode {
  written: number;
  synced: number;
}

/**
 * The files that remain after a power loss: a name lasts if its folder was synced after the name was made, bytes last
 * if their file was synced after the write.
 */
export class PowerLoss {
  readonly #names = new Map<string, { readonly inode: Inode; readonly made: number }>();
  readonly #synced = new Map<string, number>();
  readonly #root: string;

  /** Folders above `root` existed before. */
  constructor(root: string) {
    this.#root = root;
  }

  take({ name, args, began, ended }: SystemCall): void {
    const paths = [...args.matchAll(/"([^"]*)"/g)].map(([, path = '']) => path);
    const file = /^\d+<([^>]*)>/.exec(args)?.[1] ?? '';
    const [first = '', second = ''] = paths;
    if (name === 'openat' && args.includes('O_CREAT')) this.#make(first, ended);
    else if (name.startsWith('mkdir')) this.#make(first, ended);
    else if (name.startsWith('rename')) {
      this.#link(first, second, ended);
      this.#names.delete(first);
    } else if (name.startsWith('link')) this.#link(first, second, ended);
    else if (name.startsWith('unlink')) this.#names.delete(first);
    else if (name.includes('write')) {
      const there = this.#names.get(file);
      if (there !== undefined) there.inode.written = ended;
    } else if (name.endsWith('sync')) {
      this.#synced.set(file, Math.max(began, this.#synced.get(file) ?? 0));
      const there = this.#names.get(file);
      if (there !== undefined) there.inode.synced = began;
    }
  }

  /** Returns the reason why the file would be lost or damaged; undefined if it would last. */
  loses(path: string): string | undefined {
    const there = this.#names.get(path);
    if (there === undefined) return `${path} was never made`;
    if (there.inode.written > there.inode.synced) return `${path} has bytes that were not synced`;
    return this.#losesName(path);
  }

  #losesName(path: string): string | undefined {
    if (path === this.#root || path === dirname(path)) return undefined;
    const there = this.#names.get(path);
    const folder = dirname(path);
    if (there !== undefined && there.made > (this.#synced.get(folder) ?? -1)) {
      return `${folder} was not synced after ${path} came into it`;
    }
    return this.#losesName(folder);
  }

  #make(path: string, ended: number): void {
    // A file that is opened without O_EXCL could have existed. Nothing here does that.
    this.#names.set(path, { inode: { written: -1, synced: -1 }, made: ended });
  }

  #link(from: string, to: string, ended: number): void {
    const there = this.#names.get(from);
    this.#names.set(to, { inode: there?.inode ?? { written: -1, synced: -1 }, made: ended });
  }
}

/** Returns the words of `ack` in the order of the calls; undefined for another call. */
export function acknowledged({ name, args }: SystemCall): readonly string[] | undefined {
  const text = name === 'write' ? /^1<.*"ack (.*)\\n"/.exec(args)?.[1] : undefined;
  return text?.split(' ').filter((word) => word !== '');
}
