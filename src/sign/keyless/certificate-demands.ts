/** The demands on signatures with certificates, which name their signer. */
export interface CertificateDemands {
  /**
   * The authorities and logs to trust: a document of Sigstore (`application/vnd.dev.sigstore.trustedroot+json`). gantry has
   * none of its own, and fetches none.
   */
  readonly trustedRoot: string | Uint8Array;
  /** The name of the signer in the certificate, exactly: an e-mail address or a URI. */
  readonly identity: string;
  /** The service that has identified the signer, exactly, such as `https://token.actions.githubusercontent.com`. */
  readonly issuer: string;
  /**
   * Asks for no entry in a transparency log, for test set-ups without one. Without a timestamp, the certificate has to be valid
   * now.
   * @defaultValue `false`
   */
  readonly ignoreLog?: boolean | undefined;
  /**
   * Asks for no proof that the certificate is in a log of certificates, for test set-ups without one.
   * @defaultValue `false`
   */
  readonly ignoreSct?: boolean | undefined;
}
