import type { Credential } from './credential.ts';
import { askHelper, type HelperOptions } from './credential-helper.ts';
import { canonicalKey } from './server-key.ts';

export interface AnswerOptions extends HelperOptions {
  /** Milliseconds since some moment; tells when an answer of a helper is too old. Default `Date.now`. */
  readonly now?: () => number;
}

interface Answer {
  readonly at: number;
  readonly credential: Promise<Credential | undefined>;
}

/** Helpers of clouds make up credentials that last hours at most, and asking costs a process. */
const answerLasts = 5 * 60_000;

/** What helpers have said in this process. By their environment, since that is what they answer from. */
const answers = new WeakMap<NodeJS.ProcessEnv, Map<string, Answer>>();

/** As `askHelper`, but a helper runs once in five minutes for a registry, however many keychains of the process ask. */
export function rememberedAnswer(
  helper: string,
  registry: string,
  { now = Date.now, ...options }: AnswerOptions,
): Promise<Credential | undefined> {
  const known = answersIn(options);
  const key = keyOf(helper, registry);
  const answer = known.get(key);
  if (answer !== undefined && now() - answer.at < answerLasts) return answer.credential;
  const credential = askHelper(helper, registry, options);
  known.set(key, { at: now(), credential });
  // A failure is no answer to keep: the next time the keychain may be unlocked.
  credential.catch(() => known.delete(key));
  return credential;
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
