import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { atEnd } from '../at-end.ts';

/** The reason why this machine has no disks of a chosen size, or false, for `skip` of a test. */
export const noMounts: string | false = reason();

function reason(): string | false {
  if (process.platform !== 'linux') return 'a tmpfs can be mounted on Linux only';
  const path = mkdtempSync(join(tmpdir(), 'gantry-mount-'));
  const mounted = run('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', path]);
  if (mounted) run('umount', [path]);
  rmSync(path, { recursive: true, force: true });
  return mounted ? false : 'mounting a tmpfs is not allowed here';
}

/** Mounts a disk for the length of a test, of one mebibyte by default. */
export function smallDisk(test: TestContext, size: '12m' | '5m' | '1m' | '192k' = '1m'): string {
  const path = mkdtempSync(join(tmpdir(), 'gantry-disk-'));
  run('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', path]);
  atEnd(test, () => {
    // A program that outlived its test keeps the disk busy. A lazy unmount waits for its end.
    if (!run('umount', [path])) run('umount', ['--lazy', path]);
    rmSync(path, { recursive: true, force: true });
  });
  return path;
}

/** Makes the disk a place that nobody may write to, root included. */
export function lock(path: string): void {
  run('mount', ['-o', 'remount,ro', path]);
}

function run(program: string, args: readonly string[]): boolean {
  return spawnSync(program, args, { stdio: 'ignore' }).status === 0;
}
