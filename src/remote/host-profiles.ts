/**
 * What must be known of a registry before it can show it: the one table of hosts outside the tests. Everything in it
 * gives way to options.
 */
export interface HostHabits {
  /** Never in chunks. */
  readonly whole?: true;
  /** Larger blobs go in chunks of `chunk`. */
  readonly chunkOver?: number;
  /** The size of chunks, where there are any. */
  readonly chunk?: number;
  /** Names on one page of a list. */
  readonly pageSize?: number;
}

const mebibyte = 1024 * 1024;

const table: readonly (readonly [host: RegExp, habits: HostHabits])[] = [
  // A PATCH of more than 4 MiB is answered with 416 (oras-project/rust-oci-client#37); one PUT may have 10 GB.
  [/^ghcr\.io$/, { chunk: 4 * mebibyte }],
  // Parts of 5 to 10 MiB (AWS service quotas for ECR); more than 1000 names are refused (google/go-containerregistry#1091).
  [
    /^(?:.+\.dkr\.ecr\..+\.amazonaws\.com(?:\.cn)?|public\.ecr\.aws)$/,
    { chunk: 10 * mebibyte, pageSize: 1000 },
  ],
  // A page has no more than that, whatever is asked for (regclient/regclient#272).
  [/^quay\.io$/, { pageSize: 100 }],
  // "Chunked uploads are not supported" (Artifact Registry's documentation; GoogleContainerTools/jib#534).
  [/^(?:(?:.+\.)?gcr\.io|.+-docker\.pkg\.dev)$/, { whole: true }],
  // One PUT of much more than 20 MB is answered with 413 (goharbor/harbor#23015); Azure's own client sends 4 MiB.
  [/^.+\.azurecr\.(?:io|cn|us)$/, { chunkOver: 20 * mebibyte, chunk: 4 * mebibyte }],
];

/** `registry`: host, with its port where there is one. */
export function habitsOf(registry: string): HostHabits {
  return table.find(([host]) => host.test(registry))?.[1] ?? {};
}
