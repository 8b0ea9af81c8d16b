export type { RejectedSignature } from '../errors.ts';
export type { Descriptor } from '../spec/descriptor.ts';
export { type AdmitImage, admitByPolicy, admitSigned } from './admit.ts';
export type { AttestationSettings } from './attest.ts';
export type { ListedAttestation } from './attestations.ts';
export type { SignatureFormat } from './candidates.ts';
export type { VerifiedSignature } from './judge.ts';
export type { Password } from './key-file.ts';
export type { CertificateDemands } from './keyless/certificate-demands.ts';
export type { NotationDemands } from './notation/notation-demands.ts';
export { type Policy, type PolicyOptions, readPolicy } from './policy/policy.ts';
export type { ReadPolicyFile } from './policy/policy-file.ts';
export type { PathImage, PolicyImage, RegistryImage } from './policy/scopes.ts';
export { type KeyKind, type PublicKey, parsePublicKey, type Verifier } from './public-key.ts';
export type { MadeSignature, SignatureSettings, SignedImage } from './sign-image.ts';
export {
  generateKey,
  type ImportKeyOptions,
  importKey,
  type KeyPair,
  openSigner,
  type PrivateKeyOptions,
  publicKeyFor,
  type Signer,
} from './signer.ts';
export type { SignatureOptions, VerifiedImage, VerifyImageOptions } from './verify-image.ts';
