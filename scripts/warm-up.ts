import { readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { createRequire, Module } from 'node:module';
import { dirname } from 'node:path';
import { Script } from 'node:vm';
import { crc32 } from 'node:zlib';

/**
 * `warm-up.js IMAGE ENTRY PART`: runs common commands with a part of the bundle, and saves the functions that V8 has
 * compiled for them. Exits as the commands do.
 */
const [image = '', ...files] = process.argv.slice(2);
// `require` knows modules by these names.
const [entry = '', part = ''] = files.map((path) => realpathSync(path));
const commands = [
  ['digest', image],
  ['tag', image, 'again'],
];
const require = createRequire(entry);
const source = readFileSync(part);
const script = new Script(Module.wrap(source.toString('utf8')), { filename: part });
const module = new Module(part);
require.cache[part] = module;
script.runInThisContext()(module.exports, createRequire(part), module, part, dirname(part));
module.loaded = true;

const { arch, platform, versions } = process;
const next = (): void => {
  const command = process.exitCode ? undefined : commands.shift();
  if (command === undefined) {
    const node = [platform, arch, versions.v8, versions['icu'], versions.openssl].join('-');
    const name = part.replace(/\.cjs$/, `-${node}.bin`);
    writeFileSync(name, checked(script.createCachedData()));
    return;
  }
  process.argv.splice(2, process.argv.length, ...command);
  delete require.cache[entry];
  require(entry);
  process.once('beforeExit', next);
};
next();

/** Returns the bytecode after a checksum over the source and itself, as the loader expects it. */
function checked(compiled: Uint8Array): Buffer {
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(crc32(compiled, crc32(source)));
  return Buffer.concat([sum, compiled]);
}
