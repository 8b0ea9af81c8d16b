import { signatureShape } from '../sign/signature-shape.ts';
import { bytes, flag, having, oneOf, recordOf, type Shape, signal, text } from '../spec/options.ts';
import { aPlatform } from '../spec/platform.ts';
import type { AttestOptions, SignOptions } from './sign.ts';
import type { AttestationsOptions, VerifyOptions } from './verify.ts';

const aSigner = having('a signer, as openSigner gives it', 'publicKey', 'sign');

/** The options of `verify`. */
export const verifyShape: Shape<VerifyOptions> = {
  ...signatureShape,
  signal,
  platform: aPlatform,
  repository: text,
};

/** The options of `attestations`. */
export const attestationsShape: Shape<AttestationsOptions> = {
  signal,
  platform: aPlatform,
  repository: text,
};

/** The options of `sign`. */
export const signShape: Shape<SignOptions> = {
  signal,
  repository: text,
  signer: aSigner,
  annotations: recordOf(text),
  format: oneOf('bundle', 'legacy', 'both'),
  recursive: flag,
  dryRun: flag,
};

/** The options of `attest`. */
export const attestShape: Shape<AttestOptions> = {
  signal,
  repository: text,
  signer: aSigner,
  predicate: bytes,
  type: text,
  dryRun: flag,
};
