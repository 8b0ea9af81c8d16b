import type { CertificateDemands } from '../sign/keyless/certificate-demands.ts';
import {
  arrayOf,
  bytes,
  count,
  either,
  flag,
  having,
  oneOf,
  optionsOf,
  recordOf,
  type Shape,
  signal,
  text,
} from '../spec/options.ts';
import { aPlatform } from '../spec/platform.ts';
import type { AttestOptions, SignOptions } from './sign.ts';
import type { AttestationsOptions, VerifyOptions } from './verify.ts';

const aSigner = having('a signer, as openSigner gives it', 'publicKey', 'sign');
const aVerifier = having('a verifier: { name, verify }', 'name', 'verify');

const certificate: Shape<CertificateDemands> = {
  trustedRoot: either('JSON text or bytes', text, bytes),
  identity: text,
  issuer: text,
  ignoreLog: flag,
  ignoreSct: flag,
};

/** The options of `verify`. */
export const verifyShape: Shape<VerifyOptions> = {
  signal,
  platform: aPlatform,
  repository: text,
  keys: arrayOf(either('a public key in PEM or a verifier', text, aVerifier)),
  certificate: optionsOf(certificate),
  type: text,
  annotations: recordOf(text),
  minSignatures: count,
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
