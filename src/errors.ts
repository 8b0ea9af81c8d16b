import type { ErrorResponse } from './error-response.ts';

export type { ErrorResponse, RegistryError } from './error-response.ts';

/** The optional fields of every error. */
export interface ErrorFields {
  /** The error below this one. */
  readonly cause?: unknown;
  /** The response of a registry that led to the error. */
  readonly response?: ErrorResponse | undefined;
}

/**
 * The base of all errors of gantry. Switch on `code`; the classes group the codes by the possible reactions. A message
 * is one line without secrets.
 */
export abstract class GantryError extends Error {
  /** Identifies errors of gantry across several installed copies; see `isGantryError`. */
  readonly isGantryError = true as const;
  /** The reason, as a stable identifier. */
  abstract readonly code: string;
  /** The registry's answer, if the error comes from one. */
  readonly response?: ErrorResponse;

  /** Makes an error and reduces its message to one line. */
  constructor(message: string, { cause, response }: ErrorFields = {}) {
    super(oneLine(message), cause === undefined ? undefined : { cause });
    this.name = new.target.name;
    if (response !== undefined) this.response = response;
  }

  /** Returns the public fields, for logs. */
  toJSON(): Record<string, unknown> {
    const { name, code, message, response } = this;
    const json: Record<string, unknown> = { name, code, message };
    if (response !== undefined) json['response'] = response;
    if (this.cause instanceof GantryError) json['cause'] = this.cause.toJSON();
    return json;
  }
}

/** The codes of `InputError`. */
export type InputCode = 'NAME_INVALID' | 'INVALID_REFERENCE' | 'INVALID_DIGEST' | 'INVALID_OPTION';

/** An argument or option is invalid. Thrown before any I/O. */
export class InputError extends GantryError {
  /** The kind of mistake. */
  readonly code: InputCode;
  /** Makes an error of invalid input. */
  constructor(code: InputCode, message: string, fields?: ErrorFields) {
    super(message, fields);
    this.code = code;
  }
}

/** The codes of `ContentError`. */
export type ContentCode = 'DIGEST_INVALID' | 'SIZE_INVALID' | 'MANIFEST_INVALID' | 'TOO_LARGE';

/** Bytes do not match their descriptor, their format or a limit. */
export class ContentError extends GantryError {
  /** The kind of mismatch. */
  readonly code: ContentCode;
  /** The expected digest, size or limit. */
  readonly expected?: string | number;
  /** The actual digest or size. */
  readonly actual?: string | number;
  /** Makes an error about content. */
  constructor(
    code: ContentCode,
    message: string,
    fields: ErrorFields & {
      readonly expected?: string | number | undefined;
      readonly actual?: string | number | undefined;
    } = {},
  ) {
    super(message, fields);
    this.code = code;
    if (fields.expected !== undefined) this.expected = fields.expected;
    if (fields.actual !== undefined) this.actual = fields.actual;
  }
}

/** The codes of `NotFoundError`. */
export type NotFoundCode =
  | 'BLOB_UNKNOWN'
  | 'MANIFEST_UNKNOWN'
  | 'MANIFEST_BLOB_UNKNOWN'
  | 'NAME_UNKNOWN'
  | 'BLOB_UPLOAD_UNKNOWN'
  | 'FILE_UNKNOWN';

/** The requested content does not exist. */
export class NotFoundError extends GantryError {
  /** The kind of content. */
  readonly code: NotFoundCode;
  /** Makes an error about absent content. */
  constructor(code: NotFoundCode, message: string, fields?: ErrorFields) {
    super(message, fields);
    this.code = code;
  }
}

/** The codes of `AuthError`. */
export type AuthCode = 'UNAUTHORIZED' | 'DENIED' | 'CHALLENGE_INVALID' | 'HELPER_FAILED';

/** The registry, its token service or a credential helper refused the login or the right. */
export class AuthError extends GantryError {
  /** The kind of refusal. */
  readonly code: AuthCode;
  /** The registry that refused. */
  readonly registry?: string;
  /** The token scope of the request. */
  readonly scope?: string;
  /** Makes an error about a refused login or right. */
  constructor(
    code: AuthCode,
    message: string,
    fields: ErrorFields & {
      readonly registry?: string | undefined;
      readonly scope?: string | undefined;
    } = {},
  ) {
    super(message, fields);
    this.code = code;
    if (fields.registry !== undefined) this.registry = fields.registry;
    if (fields.scope !== undefined) this.scope = fields.scope;
  }
}

/** The answer is not one that the protocol allows. The registry's own code is kept. */
export class ResponseError extends GantryError {
  /** The registry's code, or one of gantry's such as `UNEXPECTED_STATUS`. */
  readonly code: string;
  /** Makes an error about an answer. */
  constructor(code: string, message: string, fields?: ErrorFields) {
    super(message, fields);
    this.code = code;
  }
}

/** The codes of `TransportError`. */
export type TransportCode = 'NO_CONNECTION' | 'TIMED_OUT' | 'STALLED' | 'CUT_OFF' | 'REDIRECT_REFUSED';

/** The connection failed before the answer was complete, so the outcome is unknown. */
export class TransportError extends GantryError {
  /** The kind of failure. */
  readonly code: TransportCode;
  /** Makes an error about the connection. */
  constructor(code: TransportCode, message: string, fields?: ErrorFields) {
    super(message, fields);
    this.code = code;
  }
}

/** The codes of `StorageError`. */
export type StorageCode = 'NO_SPACE' | 'NO_PERMISSION' | 'IN_USE' | 'IO_FAILED';

/** The disk refused an operation. */
export class StorageError extends GantryError {
  /** The kind of failure. */
  readonly code: StorageCode;
  /** The file or folder. */
  readonly path: string;
  /** Makes an error about the disk. */
  constructor(code: StorageCode, message: string, fields: ErrorFields & { readonly path: string }) {
    super(message, fields);
    this.code = code;
    this.path = fields.path;
  }
}

/** The place, runtime or registry does not support the operation. */
export class UnsupportedError extends GantryError {
  /** The reason, as a stable identifier. */
  readonly code = 'UNSUPPORTED' as const;
  /** The unsupported operation, such as `blob.delete`. */
  readonly operation: string;
  /** Makes an error about an unsupported operation. */
  constructor(operation: string, message: string, fields?: ErrorFields) {
    super(message, fields);
    this.operation = operation;
  }
}

/** The codes of `VerificationError`. */
export type VerificationCode = 'SIGNATURE_MISSING' | 'SIGNATURE_INVALID' | 'POLICY_REJECTED';

/** A signature that does not count, and the reason. */
export interface RejectedSignature {
  /** The format: `bundle`, `legacy` or `notation`; `unknown` if it could not be read. */
  readonly format: string;
  /** The digest of the signature, or of the manifest that holds it. */
  readonly name: string;
  /** The reason, in a sentence without a subject. */
  readonly reason: string;
}

/** An image is not signed as demanded. */
export class VerificationError extends GantryError {
  /** `SIGNATURE_MISSING` if there is no signature at all. */
  readonly code: VerificationCode;
  /** The signatures that were found. */
  readonly rejected: readonly RejectedSignature[];
  /** Makes an error about signatures. */
  constructor(
    code: VerificationCode,
    message: string,
    fields: ErrorFields & { readonly rejected?: readonly RejectedSignature[] | undefined } = {},
  ) {
    super(message, fields);
    this.code = code;
    this.rejected = fields.rejected ?? [];
  }

  /** Returns the public fields, for logs, with the reasons. */
  override toJSON(): Record<string, unknown> {
    return { ...super.toJSON(), rejected: this.rejected };
  }
}

/**
 * A copy failed. `side` and `step` tell the place, `code` and `cause` the reason: the code is that of the cause, such
 * as `MANIFEST_UNKNOWN` or `DENIED`, and COPY_FAILED if the cause is no error of gantry.
 */
export class CopyError extends GantryError {
  /** The code of the cause, or `COPY_FAILED`. */
  readonly code: string;
  /** The side at fault. */
  readonly side: 'source' | 'destination';
  /** The step, as in "could not …". */
  readonly step: string;
  /** The digest of the affected content; undefined while the root is being resolved. */
  readonly digest?: string;
  /** Makes an error about a copy. */
  constructor(
    message: string,
    fields: ErrorFields & {
      readonly side: 'source' | 'destination';
      readonly step: string;
      readonly digest?: string | undefined;
    },
  ) {
    super(message, fields);
    this.code = isGantryError(fields.cause) ? fields.cause.code : 'COPY_FAILED';
    this.side = fields.side;
    this.step = fields.step;
    if (fields.digest !== undefined) this.digest = fields.digest;
  }

  /** Returns the public fields, for logs, with side and step. */
  override toJSON(): Record<string, unknown> {
    const { side, step, digest } = this;
    return { ...super.toJSON(), side, step, ...(digest === undefined ? {} : { digest }) };
  }
}

/**
 * Codes for answers that gantry did not expect, and the codes of the specification that it passes on.
 * @see https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#error-codes
 */
export type ResponseCode =
  | 'UNEXPECTED_STATUS'
  | 'UNEXPECTED_ANSWER'
  | 'TOOMANYREQUESTS'
  | 'BLOB_UPLOAD_INVALID'
  | 'UNKNOWN';

/** Every code that gantry gives to its own errors, and the registry's codes that the specification names. */
export type ErrorCode =
  | InputCode
  | ContentCode
  | NotFoundCode
  | AuthCode
  | TransportCode
  | StorageCode
  | ResponseCode
  | VerificationCode
  | 'UNSUPPORTED'
  | 'COPY_FAILED';

/**
 * Returns whether `error` is one of gantry's, from this copy of the package or another; with `code`, whether it has that
 * code. A misspelled code does not compile. Compare `error.code` to find a code that only one registry uses.
 */
export function isGantryError(error: unknown): error is GantryError;
export function isGantryError<C extends ErrorCode>(
  error: unknown,
  code: C,
): error is GantryError & { readonly code: C };
export function isGantryError(error: unknown, code?: string): error is GantryError {
  if (typeof error !== 'object' || error === null || !('isGantryError' in error)) return false;
  if (error.isGantryError !== true) return false;
  return code === undefined || ('code' in error && error.code === code);
}

/** Reduces a message to one line and replaces control characters, which could affect a terminal. */
function oneLine(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters to keep out.
  return text.replace(/[\u0000-\u001f\u007f-\u009f]+/g, ' ').trim();
}
