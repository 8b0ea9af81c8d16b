import {
  arrayOf,
  bytes,
  count,
  either,
  flag,
  having,
  optionsOf,
  recordOf,
  type Shape,
  text,
} from '../spec/options.ts';
import type { CertificateDemands } from './keyless/certificate-demands.ts';
import type { NotationDemands } from './notation/notation-demands.ts';
import type { SignatureOptions } from './verify-image.ts';

const aVerifier = having('a verifier: { name, verify }', 'name', 'verify');

const certificate: Shape<CertificateDemands> = {
  trustedRoot: either('JSON text or bytes', text, bytes),
  identity: text,
  issuer: text,
  ignoreLog: flag,
  ignoreSct: flag,
};

const notation: Shape<NotationDemands> = {
  trustPolicy: either('JSON text or bytes', text, bytes),
  trustStores: recordOf(arrayOf(either('a certificate in PEM or DER', text, bytes))),
  repository: text,
};

/** The checks of the demands on signatures. */
export const signatureShape: Shape<SignatureOptions> = {
  keys: arrayOf(either('a public key in PEM or a verifier', text, aVerifier)),
  certificate: optionsOf(certificate),
  notation: optionsOf(notation),
  type: text,
  annotations: recordOf(text),
  minSignatures: count,
};
