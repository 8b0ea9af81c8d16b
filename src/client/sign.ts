import { type AttestationSettings, attestReference } from '../sign/attest.ts';
import {
  type MadeSignature,
  type SignatureSettings,
  type SignedImage,
  signReference,
} from '../sign/sign-image.ts';
import type { SignalOptions } from '../store/contract.ts';
import type { Connections } from './connections.ts';
import type { Place } from './place.ts';
import { type SignaturePlaceOptions, signingAt } from './signing-place.ts';

/** Settings of `sign`. */
export interface SignOptions extends SignatureSettings, SignaturePlaceOptions, SignalOptions {}

/** Settings of `attest`. */
export interface AttestOptions extends AttestationSettings, SignaturePlaceOptions, SignalOptions {}

export function signPlace(
  connections: Connections,
  place: string | Place,
  options: SignOptions,
): Promise<SignedImage> {
  return signingAt(connections, place, options, (opened) =>
    signReference(opened.place, opened.reference, options),
  );
}

export function attestPlace(
  connections: Connections,
  place: string | Place,
  options: AttestOptions,
): Promise<MadeSignature> {
  return signingAt(connections, place, options, (opened) =>
    attestReference(opened.place, opened.reference, options),
  );
}
