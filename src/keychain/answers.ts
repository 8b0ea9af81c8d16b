import { type SharedWork, shareWork } from '../flow/shared-work.ts';
import type { Credential } from './credential.ts';
import { askHelper, type HelperOptions } from './credential-helper.ts';
import { canonicalKey } from './server-key.ts';

/** Settings for remembering the answers of credential helpers. */
export interface AnswerOptions extends HelperOptions {
  /**
   * Returns the milliseconds since any fixed moment. Used to decide when an answer of a helper is too old.
   * @defaultValue `Date.now`
   */
  readonly now?: (() => number) | undefined;
}

interface Answer {
  readonly at: number;
  readonly credential: SharedWork<Credential | undefined>;
}

/** Milliseconds. The helpers of clouds create credentials that last a few hours, and each call starts a process. */
const answerLasts = 5 * 60_000;

/** The remembered answers of helpers. They are kept per environment, because helpers answer from it. */
export interface HelperAnswers {
  /**
   * Like `askHelper`, but runs a helper at most once in five minutes for a registry, even if several keychains ask. The
   * helper is ended when no caller waits for it any more.
   */
  ask(helper: string, registry: string, options: AnswerOptions): Promise<Credential | undefined>;
  /** Call this after a login or logout, which changes the helper's answer. */
  forget(helper: string, registry: string, options: HelperOptions): void;
}

export function createHelperAnswers(): HelperAnswers {
  const answers = new WeakMap<NodeJS.ProcessEnv, Map<string, Answer>>();
  const answersIn = ({ env = process.env }: HelperOptions): Map<string, Answer> => {
    const known = answers.get(env) ?? new Map<string, Answer>();
    answers.set(env, known);
    return known;
  };
  return {
    ask(helper, registry, { now = Date.now, signal, ...options }) {
      const known = answersIn(options);
      const key = keyOf(helper, registry);
      const answer = known.get(key);
      if (answer !== undefined && now() - answer.at < answerLasts && !answer.credential.isAbandoned()) {
        return answer.credential.wait(signal);
      }
      const asked: Answer = {
        at: now(),
        credential: shareWork(async (ended) => {
          try {
            return await askHelper(helper, registry, { ...options, signal: ended });
          } catch (error) {
            // A failure is not kept: the user may have unlocked the keychain before the next call.
            if (known.get(key) === asked) known.delete(key);
            throw error;
          }
        }),
      };
      known.set(key, asked);
      return asked.credential.wait(signal);
    },
    forget: (helper, registry, options) => void answersIn(options).delete(keyOf(helper, registry)),
  };
}

/** One value for the process: all keychains see a login at once, and a helper need not start for each of them. */
export const processAnswers: HelperAnswers = createHelperAnswers();

function keyOf(helper: string, registry: string): string {
  return `${helper} ${canonicalKey(registry)}`;
}
