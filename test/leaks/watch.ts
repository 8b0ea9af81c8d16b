import childProcess, { type ChildProcess } from 'node:child_process';
import diagnostics from 'node:diagnostics_channel';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { inspect } from 'node:util';
import { isMainThread } from 'node:worker_threads';
import { GantryError } from '../../src/errors.ts';
import { testProcessVariable } from '../leftovers.ts';
import { findSecret, longestForm, withoutSecrets } from '../secret.ts';
import { findingsVariable, type Searched, type Where, writeRecord } from './finding.ts';

/**
 * Each test file of a run loads this module first (`--import`). It searches every error, every event of the wire, and
 * the output, names and arguments of all programs that the tests start for the secrets of the tests.
 */
const folder = process.env[findingsVariable];
const file = process.argv[1] ?? '';
const searched: Partial<{ [where in Where]: number }> = {};
/** After this number of errors, as in the fuzzing, only the message of an error is new. */
const inspectedErrors = 5000;

if (folder !== undefined && isMainThread) {
  // This process watches the programs that a test starts. They start as they do without it.
  process.env['NODE_OPTIONS'] = process.env['NODE_OPTIONS']
    ?.replace(`--import ${import.meta.url}`, '')
    .trim();
  process.env[testProcessVariable] = `${process.ppid}:${process.pid}:${file}`;
  watchPrograms();
  watchErrors();
  diagnostics.subscribe('gantry:wire', (event) => search('event', inspect(event, whole)));
  process.on('exit', () => {
    lookAtErrors();
    writeRecord(folder, { searched: searched satisfies Searched });
  });
}

const whole = { depth: null, maxStringLength: null, maxArrayLength: null };

function search(where: Where, text: string, command?: string): void {
  searched[where] = (searched[where] ?? 0) + 1;
  const at = findSecret(text);
  if (at < 0 || folder === undefined) return;
  const shown = withoutSecrets(text.slice(Math.max(0, at - 200), at + 200));
  writeRecord(folder, { finding: { where, file, shown, ...(command === undefined ? {} : { command }) } });
}

const made: GantryError[] = [];

/** Each error sets its `name` in its constructor. The watch notices that, and looks at the complete error later. */
function watchErrors(): void {
  Object.defineProperty(GantryError.prototype, 'name', {
    configurable: true,
    set(this: GantryError, value: string) {
      Object.defineProperty(this, 'name', { value, writable: true, configurable: true, enumerable: true });
      if (made.push(this) === 1) queueMicrotask(lookAtErrors);
    },
  });
}

function lookAtErrors(): void {
  for (const error of made.splice(0)) {
    const more = (searched.error ?? 0) < inspectedErrors;
    search('error', more ? `${inspect(error, whole)}\n${JSON.stringify(error)}` : error.message);
  }
}

/** `spawn`, `execFile` and the others all begin here. */
function watchPrograms(): void {
  const { prototype } = childProcess.ChildProcess;
  const spawn: unknown = Reflect.get(prototype, 'spawn');
  if (typeof spawn !== 'function') throw new Error('this Node starts its programs in another way');
  Reflect.set(prototype, 'spawn', function (this: ChildProcess, ...options: readonly unknown[]): unknown {
    const result: unknown = Reflect.apply(spawn, this, options);
    watchProgram(this);
    return result;
  });
}

function watchProgram(child: ChildProcess): void {
  const { spawnfile, spawnargs } = child;
  // A credential helper writes a secret to its stdout on purpose, for gantry to read.
  if (basename(spawnfile).startsWith('docker-credential-')) return;
  const ours = spawnargs.some((part) => /\bcli\/(main\.js|gantry\.cjs)\b/.test(part));
  const command = withoutSecrets(spawnargs.map((part) => basename(part)).join(' ')).slice(0, 200);
  if (ours) search('arguments', spawnargs.join(' '), command);
  const findLog = ours ? logFinder(child, command) : undefined;
  for (const where of ['stdout', 'stderr'] as const) {
    let before = '';
    const stream = child[where];
    if (stream === null || stream === undefined) continue;
    const push = stream.push.bind(stream);
    stream.push = (chunk: unknown, encoding?: BufferEncoding) => {
      if (chunk instanceof Uint8Array) {
        const text =
          before + Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength).toString('latin1');
        search(where, text, command);
        before = text.slice(-longestForm);
        // The process writes its first message after it has replaced its arguments.
        if (ours) searchTitle(child, command);
        findLog?.();
      }
      return push(chunk, encoding);
    };
  }
}

/** Opens the file of a registry's log as soon as it exists, since its folder can be gone before the program. */
function logFinder(child: ChildProcess, command: string): (() => void) | undefined {
  const { spawnargs } = child;
  const log = spawnargs[spawnargs.indexOf('--log') + 1];
  if (!spawnargs.includes('--log') || log === undefined) return undefined;
  let found = false;
  return () => {
    if (found || !existsSync(log)) return;
    found = true;
    const file = openSync(log, 'r');
    child.once('exit', () => {
      search('log', readFileSync(file, 'latin1'), command);
      closeSync(file);
    });
  };
}

function searchTitle({ pid }: ChildProcess, command: string): void {
  if (process.platform !== 'linux') return;
  try {
    search('title', readFileSync(`/proc/${pid}/cmdline`, 'latin1'), command);
  } catch {
    // The process has ended.
  }
}
