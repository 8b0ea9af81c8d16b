import { unlessAborted } from '../../src/flow/abort.ts';
import type { Fault } from '../../src/testing/faults.ts';
import { headerValue } from '../../src/wire/headers.ts';
import type { Middleware } from '../../src/wire/message.ts';
import type { OperationKind } from '../../src/wire/operation.ts';
import { answer } from '../../src/wire/reply.ts';

/** The faults of a registry. */
export interface Scene {
  readonly name: string;
  /** The faults call `met` when the command can be interrupted. */
  readonly faults: (met: () => void) => readonly Fault[];
  /** The faults change the body of a response, so a command that reads none never meets them. */
  readonly bodies?: true;
  /** The command is interrupted when the registry has its request. */
  readonly interrupted?: true;
  /**
   * The seconds of silence that the command allows. Default: its own, so that a forgotten timer outlives the command.
   */
  readonly timeout?: number;
}

const silence: Fault['effect'] = { stall: { of: 'answer', after: 0 } };
const refusesLogins: Middleware = () => async (request) => {
  const host = headerValue(request.headers, 'host');
  return answer(401, { 'www-authenticate': [`Bearer realm="http://${host}/token",service="${host}"`] });
};

function neverAnswers(met: () => void): Middleware {
  return () => (request) => {
    met();
    return unlessAborted(new Promise<never>(() => undefined), request.signal);
  };
}

export const noFault: Scene = { name: 'no fault', faults: () => [] };

/** The scenes for every command that sends a request to a registry. */
export const answerScenes: readonly Scene[] = [
  { name: 'an answer that never comes', timeout: 12, faults: () => [{ effect: silence }] },
  {
    name: 'an answer that is cut, then 503',
    faults: () => [
      { effect: { cut: { of: 'answer', after: 0 } } },
      { effect: { status: 503, headers: { 'retry-after': '0' } } },
    ],
  },
  {
    name: 'a body that stands still, then one that is cut',
    bodies: true,
    timeout: 6,
    faults: () => [
      { effect: { stall: { of: 'answer', after: 1 } } },
      { effect: { cut: { of: 'answer', after: 1 } }, optional: true },
    ],
  },
  {
    name: '401 from the registry and from its token service',
    faults: () => [{ effect: refusesLogins, times: 'always' }],
  },
  {
    name: 'one refusal, and no other answer',
    faults: () => [{ effect: { status: 403 } }, { effect: silence, times: 'always', optional: true }],
  },
  {
    name: 'an interruption while no answer comes',
    interrupted: true,
    faults: (met) => [{ effect: neverAnswers(met), times: 'always' }],
  },
];

const operation: readonly OperationKind[] = ['upload.append', 'upload.commit'];
/** gantry reads files in steps of 1 MiB, so more than one step has arrived. */
const after = 1_100_000;

/** The scenes for every command that sends blobs. */
export const uploadScenes: readonly Scene[] = [
  {
    name: 'uploads that are cut',
    faults: () => [{ when: { operation }, effect: { cut: { of: 'request', after } }, times: 2 }],
  },
  {
    name: 'an upload that stands still',
    timeout: 6,
    faults: () => [{ when: { operation }, effect: { stall: { of: 'request', after } } }],
  },
  {
    name: 'the start of an upload that is never answered',
    timeout: 12,
    faults: () => [{ when: { operation: ['upload.start', 'upload.mount'] }, effect: silence }],
  },
  {
    name: 'uploads that are refused before their bytes',
    faults: () => [{ when: { operation }, effect: { status: 400 }, times: 'always' }],
  },
  {
    name: 'an upload whose answer is cut',
    faults: () => [{ when: { operation }, effect: { cut: { of: 'answer', after: 0 } } }],
  },
  {
    name: 'an interruption in the middle of an upload',
    interrupted: true,
    faults: (met) => [{ when: { operation }, effect: neverAnswers(met), times: 'always' }],
  },
];
