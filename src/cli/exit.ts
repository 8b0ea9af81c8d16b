import { isGantryError } from '../errors.ts';

/** What the shell is told. A signal that ended the command gives 128 and its number, as the shell itself has it. */
export const exit = { ok: 0, failed: 1, usage: 2, notFound: 3, notAllowed: 4, network: 5 } as const;

/** By name, not by class: an error may come from another copy of the package. */
const byClass: Readonly<Record<string, number>> = {
  InputError: exit.usage,
  NotFoundError: exit.notFound,
  AuthError: exit.notAllowed,
  TransportError: exit.network,
};

/** Where the code says more than the class. */
const byCode: Readonly<Record<string, number>> = {
  NO_PERMISSION: exit.notAllowed,
};

/** The command failed and its result has said so: nothing is left to tell but the exit code. */
export class Failed extends Error {
  readonly code: number;
  constructor(code: number = exit.failed) {
    super();
    this.code = code;
  }
}

/** The exit code for an error; that of a copy is its cause's. */
export function exitCode(error: unknown): number {
  if (!isGantryError(error)) return exit.failed;
  if (error.name === 'CopyError') return exitCode(error.cause);
  return byCode[error.code] ?? byClass[error.name] ?? exit.failed;
}
