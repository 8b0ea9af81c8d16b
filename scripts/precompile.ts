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
 * Puts beside a part of the bundle what V8 has made of it after a few commands, for the same V8 to take when it loads the
 * part: half of the time of `gantry digest` goes into reading functions, most of which it doesn't call. Made as it is
 * published and never on a user's machine; another V8 reads the source as before. `entry` is what loads it.
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
 * In place of `require`. Its source goes into the bundle, so it names nothing that is outside of it. V8 itself refuses what
 * it has made with other flags, and looks at nothing else but the length of the source: so the file begins with a checksum
 * over the source that it was made of and what was made of it. Where that is not so, the source is compiled. The same V8 may
 * be built in another way, as distributions do, for whom it does not look: their ICU and OpenSSL are other ones, too.
 *
 * The check takes a tenth of the time that is won. It is there against damage and stale files. A hash of `node:crypto` takes
 * more than half of the time, to load that, and would be no better against an attacker, who writes both.
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
  // As `checked` in warm-up.ts has made it.
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

/** Runs commands against a registry in a process of its own, without what flags and settings there are here. */
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
