import { isGantryError } from '../errors.ts';

/** The exit codes. After a signal the code is 128 plus its number, by the convention of shells. */
export const exit = {
  ok: 0,
  failed: 1,
  usage: 2,
  notFound: 3,
  notAllowed: 4,
  network: 5,
  notVerified: 6,
} as const;

/** Maps names instead of classes, since an error may come from another copy of the package. */
const byClass: Readonly<Record<string, number>> = {
  InputError: exit.usage,
  NotFoundError: exit.notFound,
  AuthError: exit.notAllowed,
  TransportError: exit.network,
  VerificationError: exit.notVerified,
};

/** Codes that are more precise than their class. */
const byCode: Readonly<Record<string, number>> = {
  NO_PERMISSION: exit.notAllowed,
};

/** Ends a command that has already printed its failure. Only the exit code remains to be set. */
export class Failed extends Error {
  readonly code: number;
  constructor(code: number = exit.failed) {
    super();
    this.code = code;
  }
}

/** Returns the exit code for an error. A CopyError has that of its cause. */
export function exitCode(error: unknown): number {
  if (!isGantryError(error)) return exit.failed;
  if (error.name === 'CopyError') return exitCode(error.cause);
  return byCode[error.code] ?? byClass[error.name] ?? exit.failed;
}
