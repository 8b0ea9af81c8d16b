import { type Shared, share } from '../flow/share.ts';
import type { Credential } from './credential.ts';
import { askHelper, type HelperOptions } from './credential-helper.ts';
import { canonicalKey } from './server-key.ts';

export interface AnswerOptions extends HelperOptions {
  /** Milliseconds since some moment; tells when an answer of a helper is too old. Default `Date.now`. */
  readonly now?: () => number;
}

interface Answer {
  readonly at: number;
  readonly credential: Shared<Credential | undefined>;
}

/** Helpers of clouds make up credentials that last hours at most, and asking costs a process. */
const answerLasts = 5 * 60_000;

/** What helpers have said in this process. By their environment, since that is what they answer from. */
const answers = new WeakMap<NodeJS.ProcessEnv, Map<string, Answer>>();

/**
 * As `askHelper`, but a helper runs once in five minutes for a registry, however many keychains of the process ask, and no
 * longer than one of them waits.
 */
export function rememberedAnswer(
  helper: string,
  registry: string,
  { now = Date.now, signal, ...options }: AnswerOptions,
): Promise<Credential | undefined> {
  const known = answersIn(options);
  const key = keyOf(helper, registry);
  const answer = known.get(key);
  if (answer !== undefined && now() - answer.at < answerLasts && !answer.credential.isAbandoned()) {
    return answer.credential.wait(signal);
  }
  const asked: Answer = {
    at: now(),
    credential: share(async (ended) => {
      try {
        return await askHelper(helper, registry, { ...options, signal: ended });
      } catch (error) {
        // A failure is no answer to keep: the next time the keychain may be unlocked.
        if (known.get(key) === asked) known.delete(key);
        throw error;
      }
    }),
  };
  known.set(key, asked);
  return asked.credential.wait(signal);
}

/** After a login or logout the helper knows better. */
export function forgetAnswer(helper: string, registry: string, options: HelperOptions): void {
  answersIn(options).delete(keyOf(helper, registry));
}

function answersIn({ env = process.env }: HelperOptions): Map<string, Answer> {
  const known = answers.get(env) ?? new Map<string, Answer>();
  answers.set(env, known);
  return known;
}

function keyOf(helper: string, registry: string): string {
  return `${helper} ${canonicalKey(registry)}`;
}
