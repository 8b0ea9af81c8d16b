import { ContentError } from '../errors.ts';
import { indexJsonLimit, parseIndexJson } from '../json/manifest.ts';
import { refNameAnnotation } from '../spec/annotation.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import type { Digest } from '../spec/digest.ts';
import { MediaType } from '../spec/media-type.ts';

/** One entry as it was read, with all unknown fields, and its known part. */
interface Entry {
  readonly descriptor: Descriptor;
  readonly json: Readonly<Record<string, unknown>>;
}

export interface Root {
  readonly descriptor: Descriptor;
  readonly tag?: string;
}

/**
 * The entries of an index.json and their changes. Keeps everything in the file except replaced parts.
 * @see https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md#indexjson-file
 */
export class LayoutIndex {
  #json: Readonly<Record<string, unknown>>;
  #entries: readonly Entry[];

  private constructor(json: Readonly<Record<string, unknown>>, entries: readonly Entry[]) {
    this.#json = json;
    this.#entries = entries;
  }

  /** Creates the entries of a new layout. A root without a tag gets no name. */
  static of(roots: readonly Root[] = []): LayoutIndex {
    const entries = roots.map(({ descriptor, tag }) => annotated(plain(descriptor), tag));
    return new LayoutIndex({ schemaVersion: 2, mediaType: MediaType.ociIndex }, entries);
  }

  /** Throws MANIFEST_INVALID, TOO_LARGE. */
  static parse(bytes: Uint8Array): LayoutIndex {
    const { manifests } = parseIndexJson(bytes);
    const json = fieldsOf(JSON.parse(new TextDecoder().decode(bytes)));
    const listed = Array.isArray(json['manifests']) ? json['manifests'] : [];
    const entries = manifests.map((descriptor, at) => ({ descriptor, json: fieldsOf(listed[at]) }));
    return new LayoutIndex(json, entries);
  }

  /** Throws TOO_LARGE when the file could not be read again. */
  format(path: string): Uint8Array {
    const json = { ...this.#json, manifests: this.#entries.map((entry) => entry.json) };
    const bytes = new TextEncoder().encode(`${JSON.stringify(json, undefined, 2)}\n`);
    if (bytes.byteLength <= indexJsonLimit) return bytes;
    throw new ContentError('TOO_LARGE', `${path} would be larger than the limit of ${indexJsonLimit} bytes`, {
      expected: indexJsonLimit,
      actual: bytes.byteLength,
    });
  }

  get roots(): readonly Descriptor[] {
    return this.#entries.map(({ descriptor }) => descriptor);
  }

  get tags(): ReadonlySet<string> {
    return new Set(this.#entries.flatMap(({ descriptor }) => tagOf(descriptor) ?? []));
  }

  /** Returns the entry with that name. If two exist, the later one counts. */
  tagged(tag: string): Descriptor | undefined {
    return this.roots.findLast((root) => tagOf(root) === tag);
  }

  withDigest(digest: Digest): Descriptor | undefined {
    return this.roots.find((root) => root.digest === digest);
  }

  /** Gives the manifest a name. An existing entry with the name changes and keeps its position in the file. */
  tag(tag: string, descriptor: Descriptor): void {
    const { digest } = descriptor;
    if (this.tagged(tag)?.digest === digest) return;
    const bare = this.#entries.find(
      (entry) => entry.descriptor.digest === digest && !tagOf(entry.descriptor),
    );
    const named = annotated(bare ?? plain(listed(descriptor)), tag);
    const others = this.#entries.filter((entry) => entry !== bare);
    const at = others.findIndex(({ descriptor }) => tagOf(descriptor) === tag);
    const kept = others.filter(({ descriptor }) => tagOf(descriptor) !== tag);
    this.#entries = kept.toSpliced(at < 0 ? kept.length : at, 0, named);
  }

  /** Adds an entry without a name. */
  add(descriptor: Descriptor): void {
    if (this.withDigest(descriptor.digest) === undefined) {
      this.#entries = [...this.#entries, plain(listed(descriptor))];
    }
  }

  /** Removes a name. The last entry of a manifest stays, without a name. Returns whether the name existed. */
  untag(tag: string): boolean {
    if (!this.tags.has(tag)) return false;
    const freed = this.#entries.filter(({ descriptor }) => tagOf(descriptor) === tag);
    this.#entries = this.#entries.filter((entry) => !freed.includes(entry));
    for (const entry of freed) {
      if (this.withDigest(entry.descriptor.digest) !== undefined) continue;
      this.#entries = [...this.#entries, annotated(entry, undefined)];
    }
    return true;
  }

  /** Takes over everything that another file has. */
  replace(other: LayoutIndex): void {
    this.#json = other.#json;
    this.#entries = other.#entries;
  }

  /** Removes all entries of the manifest. */
  remove(digest: Digest): void {
    this.#entries = this.#entries.filter(({ descriptor }) => descriptor.digest !== digest);
  }
}

function tagOf({ annotations }: Descriptor): string | undefined {
  const tag = annotations?.[refNameAnnotation];
  return tag === '' ? undefined : tag;
}

/** Returns the fields of an entry: the manifest, and its platform if it is known. */
function listed({ mediaType, digest, size, platform }: Descriptor): Descriptor {
  return { mediaType, digest, size, ...(platform === undefined ? {} : { platform }) };
}

function plain(descriptor: Descriptor): Entry {
  return { descriptor, json: { ...descriptor } };
}

function annotated({ descriptor, json }: Entry, tag: string | undefined): Entry {
  const { [refNameAnnotation]: _, ...others } = descriptor.annotations ?? {};
  const annotations = tag === undefined ? others : { ...others, [refNameAnnotation]: tag };
  const { annotations: _read, ...bare } = descriptor;
  const { annotations: _written, ...rest } = json;
  if (Object.keys(annotations).length === 0) return { descriptor: bare, json: rest };
  return { descriptor: { ...bare, annotations }, json: { ...rest, annotations } };
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {};
}
