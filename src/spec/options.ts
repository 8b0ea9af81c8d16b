import { InputError } from '../errors.ts';
import { nearest } from './near.ts';

/**
 * Checks the value of an option. `name` is the option's name in the message.
 * @throws INVALID_OPTION when the option does not accept the value
 */
export type Check = (value: unknown, name: string) => void;

/** The check of each option of an object. The compiler requires all of them. */
export type Shape<T> = { readonly [Name in keyof Required<T>]: Check };

/** An object without its members that are `undefined`. */
export type Given<T> = {
  [Name in keyof T as undefined extends T[Name] ? never : Name]: T[Name];
} & {
  [Name in keyof T as undefined extends T[Name] ? Name : never]?: Exclude<T[Name], undefined>;
};

/**
 * Returns the members that have a value, in their order. Data leaves the others out, and in a spread over defaults an
 * option that is `undefined` leaves the default in place.
 */
export function given<T extends object>(members: T): Given<T>;
export function given(members: object): object {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));
}

/**
 * Checks options from plain JavaScript before any work begins: rejects unknown names and values of another type. The
 * first argument names the function in the message. An option that is `undefined` counts as absent.
 * @throws INVALID_OPTION naming the option
 */
export function checkOptions<T>(
  what: string,
  options: unknown,
  shape: Shape<T>,
  required: readonly (keyof T & string)[] = [],
): void {
  const [first] = required;
  if (options === undefined && first !== undefined) throw missingOption(what, first);
  if (options === undefined) return;
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new InputError('INVALID_OPTION', `${what}: options are one object, not ${described(options)}`);
  }
  const checks: ReadonlyMap<string, Check> = new Map(Object.entries<Check>(shape));
  for (const [name, value] of Object.entries(options)) {
    const check = checks.get(name);
    if (check === undefined) throw unknownOption(what, name, checks.keys());
    if (value !== undefined) check(value, `${what}: option "${name}"`);
  }
  const given: ReadonlyMap<string, unknown> = new Map(Object.entries(options));
  for (const name of required) if (given.get(name) === undefined) throw missingOption(what, name);
}

/**
 * Checks one positional argument from plain JavaScript. `what` names the function in the message.
 * @throws INVALID_OPTION when the argument is missing or of another type
 */
export function checkArgument(what: string, name: string, value: unknown, check: Check): void {
  if (value === undefined) throw new InputError('INVALID_OPTION', `${what}: "${name}" is missing`);
  check(value, `${what}: "${name}"`);
}

function missingOption(what: string, name: string): InputError {
  return new InputError('INVALID_OPTION', `${what}: option "${name}" is missing`);
}

function unknownOption(what: string, name: string, known: Iterable<string>): InputError {
  const names = [...known];
  const near = nearest(name, names);
  const hint = near === undefined ? `there are ${names.join(', ')}` : `did you mean "${near}"?`;
  return new InputError('INVALID_OPTION', `${what}: there is no option "${shown(name)}"; ${hint}`);
}

/** Makes a check from a predicate. `takes` describes the accepted values in the message. */
export function taking(takes: string, fits: (value: unknown) => boolean): Check {
  return (value, name) => {
    if (!fits(value))
      throw new InputError('INVALID_OPTION', `${name} takes ${takes}, not ${described(value)}`);
  };
}

export const text: Check = taking('a string', (value) => typeof value === 'string');
export const flag: Check = taking('true or false', (value) => typeof value === 'boolean');
export const callback: Check = taking('a function', (value) => typeof value === 'function');
export const object: Check = taking('an object', (value) => typeof value === 'object' && value !== null);
export const bytes: Check = taking('a Uint8Array', (value) => value instanceof Uint8Array);
export const iterable: Check = taking(
  'an iterable',
  (value) =>
    typeof value === 'object' &&
    value !== null &&
    (Symbol.asyncIterator in value || Symbol.iterator in value),
);
export const list: Check = taking('a list', Array.isArray);
/** For bytes, attempts and degrees of concurrency. */
export const count: Check = taking(
  'a whole number from 1',
  (value) => typeof value === 'number' && Number.isInteger(value) && value >= 1,
);
/** For milliseconds and other continuous amounts. */
export const amount: Check = taking('a number from 0', (value) => typeof value === 'number' && value >= 0);
/** For bytes per second. With fewer, a limited transfer would look like a silent one. */
export const rate: Check = taking(
  'a number of bytes per second from 1024',
  (value) => typeof value === 'number' && Number.isFinite(value) && value >= 1024,
);
export const signal: Check = taking(
  'an AbortSignal',
  (value) => typeof value === 'object' && value !== null && 'aborted' in value && 'addEventListener' in value,
);

/** Checks for an object or a function of any class with these members. `takes` describes it in the message. */
export function having(takes: string, ...members: readonly string[]): Check {
  return taking(takes, (value) => {
    if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return false;
    return members.every((member) => Reflect.has(value, member));
  });
}

export function oneOf(...choices: readonly (string | number | boolean | null)[]): Check {
  const named = choices.map((choice) => (typeof choice === 'string' ? `"${choice}"` : String(choice)));
  return taking(`one of ${named.join(', ')}`, (value) => choices.some((choice) => choice === value));
}

/** Checks every item of a list with `each`. */
export function arrayOf(each: Check): Check {
  return (value, name) => {
    if (!Array.isArray(value)) {
      throw new InputError('INVALID_OPTION', `${name} takes a list, not ${described(value)}`);
    }
    for (const [at, one] of value.entries()) each(one, `${name}[${at}]`);
  };
}

/** Checks every value of an object with names of the caller's own. */
export function recordOf(each: Check): Check {
  return (value, name) => {
    object(value, name);
    for (const [key, one] of Object.entries(Object(value))) each(one, `${name}, at "${shown(key)}",`);
  };
}

/** Checks options inside an option. */
export function optionsOf<T>(shape: Shape<T>): Check {
  return (value, name) => checkOptions(name, value, shape);
}

/** Accepts a value that passes at least one check. */
export function either(takes: string, ...checks: readonly Check[]): Check {
  return taking(takes, (value) => checks.some((check) => passes(check, value)));
}

function passes(check: Check, value: unknown): boolean {
  try {
    check(value, '');
    return true;
  } catch {
    return false;
  }
}

/** Describes a value without the content of a string, which may be a secret. */
function described(value: unknown): string {
  if (value === null || typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (Array.isArray(value)) return 'a list';
  if (value === undefined) return 'undefined';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

function shown(name: string): string {
  return name.length > 60 ? `${name.slice(0, 60)}…` : name;
}
