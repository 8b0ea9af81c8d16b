/** The demands on signatures of Notation. */
export interface NotationDemands {
  /** The trust policy: the content of `trustpolicy.json`. */
  readonly trustPolicy: string | Uint8Array;
  /** The certificates (PEM or DER) of each trust store that the policy names, such as `ca:acme`. */
  readonly trustStores: Readonly<Record<string, readonly (string | Uint8Array)[]>>;
  /**
   * The full name of the repository, by which the policy chooses its statement: `ghcr.io/acme/app`.
   * @defaultValue that of the image in `verify`
   */
  readonly repository?: string | undefined;
}
