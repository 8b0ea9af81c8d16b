import { InputError } from '../errors.ts';
import { type Check, given, taking } from './options.ts';
import { formatPlatform, normalize, type Platform } from './platform.ts';

/** Parts of a platform. An absent part matches any. */
export type PlatformPattern = Partial<Platform>;

const grammar = /^([\w.-]+)(?:\/([\w.-]+)(?:\/([\w.-]+))?)?(?::([\w.-]+))?$/;

/**
 * Parses `os[/architecture[/variant]][:os.version]`.
 * @throws INVALID_OPTION when the text has another form
 */
export function parsePlatformPattern(text: string): PlatformPattern {
  const [, os, architecture, variant, version] = grammar.exec(text) ?? [];
  if (os === undefined) {
    const shown = text.length > 100 ? `${text.slice(0, 100)}…` : text;
    throw new InputError(
      'INVALID_OPTION',
      `"${shown}" is not a part of a platform: os[/architecture[/variant]][:os.version]`,
    );
  }
  return given({ os, architecture, variant, 'os.version': version });
}

const patternObject: Check = taking(
  'parts of a platform, such as "linux" or { os }',
  (value) => typeof value === 'object' && value !== null && ('os' in value || 'architecture' in value),
);

/** Checks parts of a platform from plain JavaScript: a text such as `linux`, or an object. */
export const aPlatformPattern: Check = (value, name) => {
  if (typeof value === 'string') parsePlatformPattern(value);
  else patternObject(value, name);
};

/**
 * Returns a pattern as it is, and parses a text.
 * @throws INVALID_OPTION when the text has another form
 */
export function toPlatformPattern(pattern: PlatformPattern | string): PlatformPattern {
  return typeof pattern === 'string' ? parsePlatformPattern(pattern) : pattern;
}

/** Formats a pattern as `parsePlatformPattern` reads it. */
export function formatPlatformPattern({ os = '', architecture, variant, ...rest }: PlatformPattern): string {
  const version = rest['os.version'];
  const parts = [os, architecture, variant].filter((part) => part !== undefined && part !== '');
  return `${parts.join('/')}${version ? `:${version}` : ''}`;
}

/** True if the platform has every part of the pattern. A version also stands for the versions that begin with it. */
export function matchesPattern(have: Platform, pattern: PlatformPattern): boolean {
  const mine = normalize(have);
  const asked = normalize({ ...pattern, os: pattern.os ?? '', architecture: pattern.architecture ?? '' });
  const { variant, 'os.version': version, 'os.features': features = [] } = pattern;
  return (
    (asked.os === '' || asked.os === mine.os) &&
    (asked.architecture === '' || asked.architecture === mine.architecture) &&
    (!variant || asked.variant === mine.variant) &&
    (!version || `${mine['os.version'] ?? ''}.`.startsWith(`${version}.`)) &&
    features.every((feature) => mine['os.features']?.includes(feature))
  );
}

/** True if both texts name one platform: normalises names, and no part may be missing on one side only. */
export function isSamePlatform(one: Platform | undefined, other: Platform | undefined): boolean {
  if (one === undefined || other === undefined) return one === other;
  return keyOf(one) === keyOf(other);
}

function keyOf(platform: Platform): string {
  const normal = normalize(platform);
  return JSON.stringify([formatPlatform(normal), [...(normal['os.features'] ?? [])].sort()]);
}
