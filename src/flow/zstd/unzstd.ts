/**
 * Decompresses zstd on a runtime without it. The decompressor loads at its first use.
 */
export async function* unzstd(
  source: AsyncIterable<Uint8Array>,
  onDamage: (cause: unknown) => never,
): AsyncIterable<Uint8Array> {
  const { zstdDecompressed } = await import('./frames.ts');
  const { ZstdDamage } = await import('./damage.ts');
  try {
    yield* zstdDecompressed(source);
  } catch (error) {
    if (error instanceof ZstdDamage) onDamage(error);
    throw error;
  }
}
