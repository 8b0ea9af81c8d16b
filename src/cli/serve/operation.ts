import { InputError } from '../../errors.ts';
import type { AppOptions } from '../../server/app.ts';
import { defaultLimits, type Limits } from '../../server/limits.ts';
import type { ListenOptions } from '../../server/node/listen.ts';
import { parseHostName } from '../host-name.ts';
import { readOption } from '../of-option.ts';
import type { ParsedArgs } from '../parsed-args.ts';

/** The settings for operating a registry: log, metrics, limits and shutdown. */
export interface ServeOperation {
  readonly app: Pick<AppOptions, 'writes' | 'deletes'> & { readonly limits: Limits };
  readonly listen: Pick<ListenOptions, 'requestIdle' | 'answerIdle' | 'headerBytes' | 'connections'>;
  /** A file, or `-` for stdout. */
  readonly log: string | undefined;
  readonly metrics: boolean;
  readonly hosts: readonly string[];
  /** Milliseconds that requests may continue after the signal to stop. */
  readonly grace: number;
}

/** Long enough for the last chunk of most uploads. Kubernetes waits the same time before it kills. */
const defaultGrace = 30_000;

/**
 * Reads the flags. The server has defaults for absent ones.
 * @throws INVALID_OPTION for a wrong value
 */
export function operationOf(given: ParsedArgs): ServeOperation {
  return {
    app: {
      writes: !given.flag('read-only'),
      deletes: !given.flag('no-delete'),
      limits: limitsOf(given, defaultLimits),
    },
    listen: {
      requestIdle: milliseconds(given, 'request-idle'),
      answerIdle: milliseconds(given, 'answer-idle'),
      headerBytes: bytes(given, 'max-header'),
      connections: atLeastOne(given, 'max-connections'),
    },
    log: given.text('log'),
    metrics: given.flag('metrics'),
    hosts: given.list('host-name').map((name) => readOption('host-name', name, parseHostName)),
    grace: (given.count('grace') ?? defaultGrace / 1000) * 1000,
  };
}

function limitsOf(given: ParsedArgs, defaults: Limits): Limits {
  const manifestBytes = bytes(given, 'max-manifest') ?? defaults.manifestBytes;
  if (manifestBytes > defaults.manifestBytes) {
    throw new InputError(
      'INVALID_OPTION',
      '--max-manifest must be at most 4M, since clients refuse longer manifests',
    );
  }
  return {
    ...defaults,
    manifestBytes,
    blobBytes: bytes(given, 'max-blob') ?? defaults.blobBytes,
    sessions: atLeastOne(given, 'max-sessions') ?? defaults.sessions,
    repositorySessions: atLeastOne(given, 'max-repository-sessions') ?? defaults.repositorySessions,
    sessionIdle: milliseconds(given, 'session-idle') ?? defaults.sessionIdle,
    pageNames: atLeastOne(given, 'max-page') ?? defaults.pageNames,
    tagParameters: given.count('max-tags') ?? defaults.tagParameters,
  };
}

function atLeastOne(given: ParsedArgs, name: string): number | undefined {
  const number = given.count(name);
  if (number === 0) throw new InputError('INVALID_OPTION', `--${name} must be at least 1`);
  return number;
}

function milliseconds(given: ParsedArgs, name: string): number | undefined {
  const seconds = atLeastOne(given, name);
  return seconds === undefined ? undefined : seconds * 1000;
}

/** Parses `512`, `64K`, `10G` or `1TiB`, always by 1024. */
function bytes(given: ParsedArgs, name: string): number | undefined {
  const text = given.text(name);
  if (text === undefined) return undefined;
  const [, digits, unit = ''] = /^(\d{1,12})(?:([KMGT])(?:i?B)?)?$/i.exec(text) ?? [];
  const number = Number(digits) * 1024 ** ' KMGT'.indexOf(unit.toUpperCase() || ' ');
  if (digits !== undefined && number > 0 && Number.isSafeInteger(number)) return number;
  throw new InputError('INVALID_OPTION', `--${name} takes bytes, such as 512K or 10G, not "${text}"`);
}
