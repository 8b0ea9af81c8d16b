/** Facts about a registry that no answer shows in time. Options override each of them. */
export interface HostProfile {
  /** Whether blobs must never go in chunks. */
  readonly whole?: true;
  /** The size in bytes above which blobs go in chunks of `chunk`. */
  readonly chunkOver?: number;
  /** The size of a chunk in bytes. */
  readonly chunk?: number;
  /** The number of names on one page of a list. */
  readonly pageSize?: number;
}

const mebibyte = 1024 * 1024;

/** The only table of hosts outside of the tests. */
const table: readonly (readonly [host: RegExp, profile: HostProfile])[] = [
  // It answers a PATCH of more than 4 MiB with 416 (oras-project/rust-oci-client#37), and takes a PUT of 10 GB.
  [/^ghcr\.io$/, { chunk: 4 * mebibyte }],
  // It takes parts of 5 to 10 MiB (AWS service quotas for ECR), and refuses pages of more than 1000 names
  // (google/go-containerregistry#1091).
  [
    /^(?:.+\.dkr\.ecr\..+\.amazonaws\.com(?:\.cn)?|public\.ecr\.aws)$/,
    { chunk: 10 * mebibyte, pageSize: 1000 },
  ],
  // It never returns a larger page (regclient/regclient#272).
  [/^quay\.io$/, { pageSize: 100 }],
  // "Chunked uploads are not supported" (Artifact Registry's documentation; GoogleContainerTools/jib#534).
  [/^(?:(?:.+\.)?gcr\.io|.+-docker\.pkg\.dev)$/, { whole: true }],
  // It answers a PUT of much more than 20 MB with 413 (goharbor/harbor#23015). Azure's own client sends 4 MiB.
  [/^.+\.azurecr\.(?:io|cn|us)$/, { chunkOver: 20 * mebibyte, chunk: 4 * mebibyte }],
];

/** Returns the profile of a registry, by its host with the port if there is one. */
export function profileOf(registry: string): HostProfile {
  return table.find(([host]) => host.test(registry))?.[1] ?? {};
}
