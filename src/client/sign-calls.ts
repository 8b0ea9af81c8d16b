import type { Connections } from './connections.ts';
import type { MergeOptions } from './edit-calls.ts';
import type { SignVerbs } from './verbs/sign.ts';

/** Returns the verbs about signatures. Each loads its own file when it is first asked for. */
export function signCalls(connections: Connections, merged: MergeOptions): SignVerbs {
  return {
    verify: async (place, own = {}) => {
      const options = merged('verify', { place }, own);
      return (await import('./verify.ts')).verifyPlace(connections, place, options);
    },
    sign: async (place, own) => {
      const options = merged('sign', { place }, own);
      return (await import('./sign.ts')).signPlace(connections, place, options);
    },
    attest: async (place, own) => {
      const options = merged('attest', { place }, own);
      return (await import('./sign.ts')).attestPlace(connections, place, options);
    },
    attestations: async (place, own = {}) => {
      const options = merged('attestations', { place }, own);
      return (await import('./verify.ts')).attestationsOf(connections, place, options);
    },
  };
}
