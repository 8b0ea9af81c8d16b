import type { Content } from '../../src/flow/content.ts';
import { createImage } from '../../src/image/create.ts';
import type { Image } from '../../src/image/image.ts';
import { createLayer } from '../../src/image/layer.ts';
import { parseDigest } from '../../src/spec/digest.ts';
import { tarEnd, tarHeader } from '../../src/tar/write.ts';

/** The number of entries of a directory, itself included. */
const inDirectory = 100;

/**
 * Makes an image of one layer with this number of empty files in directories, without keeping the layer in memory. The number is
 * a multiple of 100.
 */
export function imageOfEntries(count: number): Image {
  const digest = parseDigest(`sha256:${'0'.repeat(64)}`);
  const content: Content = { replayable: true, open: () => tarOfEntries(count) };
  const descriptor = {
    mediaType: 'application/vnd.oci.image.layer.v1.tar',
    digest,
    size: count * 512 + tarEnd.byteLength,
  };
  const layer = createLayer(content, { descriptor, diffId: digest });
  return createImage({ config: { os: 'linux', architecture: 'amd64' }, layers: [layer] });
}

/** Yields a tar in one buffer. Encoding each header would take longer than all that is measured. */
async function* tarOfEntries(count: number): AsyncIterable<Uint8Array> {
  const owner = { mtime: 1_700_000_000, uname: 'root', gname: 'root' };
  const buffer = Buffer.concat(
    Array.from({ length: inDirectory }, (_, at) =>
      at === 0
        ? tarHeader({ name: 'library-00000000/', type: 'directory', ...owner })
        : tarHeader({ name: `library-00000000/module-${String(at).padStart(8, '0')}.js`, ...owner }),
    ),
  );
  for (let directory = 0; directory < count / inDirectory; directory++) {
    const digits = String(directory).padStart(8, '0');
    for (let at = 0; at < buffer.byteLength; at += 512) {
      buffer.write(digits, at + 8, 'latin1');
      buffer.fill(' ', at + 148, at + 156);
      let sum = 0;
      for (let byte = 0; byte < 512; byte++) sum += buffer[at + byte] ?? 0;
      buffer.write(`${sum.toString(8).padStart(6, '0')}\0`, at + 148, 'latin1');
    }
    yield buffer;
  }
  yield tarEnd;
}
