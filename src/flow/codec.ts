/** The two directions of a compression. `#compression` in package.json chooses the implementation by the runtime. */
export interface Codec {
  /**
   * Decompresses a source. Reads a chunk only when the last one is used up, and rethrows errors of the source unchanged.
   * @throws UNSUPPORTED for gzip, if the runtime lacks it
   */
  decompress(source: AsyncIterable<Uint8Array>, options: DecompressionOptions): AsyncIterable<Uint8Array>;
  /**
   * Compresses a source, in the same way.
   * @throws UNSUPPORTED if the runtime lacks the compression or its levels
   */
  compress(source: AsyncIterable<Uint8Array>, options: CompressionOptions): AsyncIterable<Uint8Array>;
}

export interface DecompressionOptions {
  readonly compression: 'gzip' | 'zstd';
  /** The name of the source in errors. */
  readonly what: string;
  /** Throws the error for a damaged stream. */
  readonly onDamage: (cause: unknown) => never;
}

export interface CompressionOptions {
  readonly compression: 'gzip' | 'zstd';
  /** The level: 1 to 9 for gzip, 1 to 22 for zstd. */
  readonly level?: number | undefined;
}
