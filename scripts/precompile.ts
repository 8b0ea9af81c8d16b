import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { digestOf } from '../src/flow/hash.ts';
import { parseManifest } from '../src/json/manifest.ts';
import { MediaType } from '../src/spec/media-type.ts';
import { startRegistry } from '../src/testing/start-registry.ts';

/**
 * Saves V8's bytecode of a part of the bundle after a few commands, beside the part. The same V8 uses it when it loads
 * the part: half of the time of `gantry digest` goes into reading functions, most of which it does not call. This
 * happens when the package is built, never on a user's machine. Any other V8 reads the source as before. `entry` is the
 * file that loads the part.
 */
export async function precompile(entry: string, part: string): Promise<void> {
  const source = await readFile(entry, 'utf8');
  const path = `"./${basename(part)}"`;
  const load = loadPrecompiled.toString();
  const precompiling = source.replace(`require(${path})`, () => `(${load})(${path},require,module)`);
  if (precompiling === source) throw new Error(`${entry} does not load ${path}`);
  await writeFile(entry, precompiling);
  await warmUp(entry, part);
}

/**
 * Replaces `require`. Its source goes into the bundle, so it mentions nothing outside itself. V8 refuses bytecode made
 * with other flags, but compares only the length of the source. So the file begins with a checksum over the source and
 * the bytecode; if the checksum is wrong, V8 compiles the source. Distributions build the same V8 with other versions
 * of ICU and OpenSSL, which V8 does not compare, so the name of the file has these versions.
 *
 * The check takes a tenth of the time that the bytecode saves. It is there against damage and stale files. Loading
 * `node:crypto` for a hash takes more than half of the saved time, and a hash would not stop an attacker, who can write
 * both files.
 */
function loadPrecompiled(path: string, require: NodeJS.Require, entry: NodeJS.Module): unknown {
  const file = require.resolve(path);
  const { arch, platform, versions } = process;
  const fs = require('node:fs');
  const source: Buffer = fs.readFileSync(file);
  let kept: Buffer;
  try {
    const node = [platform, arch, versions.v8, versions['icu'], versions.openssl].join('-');
    kept = fs.readFileSync(`${file.slice(0, -4)}-${node}.bin`);
  } catch {
    return require(path);
  }
  // The counterpart of `checked` in warm-up.ts.
  const { crc32 } = require('node:zlib');
  const cachedData = kept.subarray(4);
  if (kept.length < 4 || crc32(cachedData, crc32(source)) !== kept.readUInt32BE(0)) return require(path);
  const vm = require('node:vm');
  const Module = require('node:module');
  const script = new vm.Script(Module.wrap(source.toString('utf8')), {
    filename: file,
    cachedData,
  });
  const part = new Module(file, entry);
  part.filename = file;
  require.cache[file] = part;
  script.runInThisContext()(part.exports, require, part, file, __dirname);
  part.loaded = true;
  return part.exports;
}

/** Runs commands against a registry in a process of its own, without the flags and settings of this one. */
async function warmUp(entry: string, part: string): Promise<void> {
  await using registry = await startRegistry();
  const mediaType = MediaType.ociIndex;
  const bytes = new TextEncoder().encode(JSON.stringify({ schemaVersion: 2, mediaType, manifests: [] }));
  const manifest = parseManifest(bytes, { digest: digestOf(bytes), mediaType });
  await registry.registry.repository('app').manifests.put(manifest, { tags: ['1'] });
  const home = await mkdtemp(join(tmpdir(), 'gantry-precompile-'));
  try {
    const script = fileURLToPath(new URL('./warm-up.js', import.meta.url));
    const child = spawn(process.execPath, [script, `${registry.host}/app:1`, entry, part], {
      env: { HOME: home, DOCKER_CONFIG: home },
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    const [code] = await once(child, 'close');
    if (code !== 0) throw new Error(`the part could not be precompiled: ${code}`);
  } finally {
    await rm(home, { recursive: true });
  }
}
