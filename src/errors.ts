/** What the registry answered, as far as it may be shown: no secret, no unbounded text. */
export interface ErrorResponse {
  readonly method: string;
  /** The request's URL with credentials and unknown query values redacted. */
  readonly url: string;
  readonly status: number;
  readonly errors: readonly RegistryError[];
}

/** One entry of a registry's error body. `message` and `detail` are the far side's words: untrusted. */
export interface RegistryError {
  readonly code: string;
  readonly message?: string;
  readonly detail?: unknown;
}

interface ErrorFields {
  readonly cause?: unknown;
  readonly response?: ErrorResponse;
}

/**
 * Every error of gantry. Switch on `code`; the classes group codes by what a caller can do about them.
 * The message is one line and holds no secret.
 */
export abstract class GantryError extends Error {
  readonly isGantryError = true as const;
  abstract readonly code: string;
  readonly response?: ErrorResponse;

  constructor(message: string, { cause, response }: ErrorFields = {}) {
    super(oneLine(message), cause === undefined ? undefined : { cause });
    this.name = new.target.name;
    if (response !== undefined) this.response = response;
  }

  toJSON(): Record<string, unknown> {
    const { name, code, message, response } = this;
    const json: Record<string, unknown> = { name, code, message };
    if (response !== undefined) json['response'] = response;
    if (this.cause instanceof GantryError) json['cause'] = this.cause.toJSON();
    return json;
  }
}

export type InputCode = 'NAME_INVALID' | 'INVALID_REFERENCE' | 'INVALID_DIGEST' | 'INVALID_OPTION';

/** What the caller gave can't be meant. Thrown before any I/O. */
export class InputError extends GantryError {
  readonly code: InputCode;
  constructor(code: InputCode, message: string, fields?: ErrorFields) {
    super(message, fields);
    this.code = code;
  }
}

export type ContentCode = 'DIGEST_INVALID' | 'SIZE_INVALID' | 'MANIFEST_INVALID' | 'TOO_LARGE';

/** Bytes are not what their descriptor, their kind or a limit says. */
export class ContentError extends GantryError {
  readonly code: ContentCode;
  readonly expected?: string | number;
  readonly actual?: string | number;
  constructor(
    code: ContentCode,
    message: string,
    fields: ErrorFields & { readonly expected?: string | number; readonly actual?: string | number } = {},
  ) {
    super(message, fields);
    this.code = code;
    if (fields.expected !== undefined) this.expected = fields.expected;
    if (fields.actual !== undefined) this.actual = fields.actual;
  }
}

export type NotFoundCode =
  | 'BLOB_UNKNOWN'
  | 'MANIFEST_UNKNOWN'
  | 'MANIFEST_BLOB_UNKNOWN'
  | 'NAME_UNKNOWN'
  | 'BLOB_UPLOAD_UNKNOWN';

/** What was asked for is not there. */
export class NotFoundError extends GantryError {
  readonly code: NotFoundCode;
  constructor(code: NotFoundCode, message: string, fields?: ErrorFields) {
    super(message, fields);
    this.code = code;
  }
}

export type AuthCode = 'UNAUTHORIZED' | 'DENIED' | 'CHALLENGE_INVALID' | 'HELPER_FAILED';

/** The registry, its token service or a credential helper said no. */
export class AuthError extends GantryError {
  readonly code: AuthCode;
  readonly registry?: string;
  readonly scope?: string;
  constructor(
    code: AuthCode,
    message: string,
    fields: ErrorFields & { readonly registry?: string; readonly scope?: string } = {},
  ) {
    super(message, fields);
    this.code = code;
    if (fields.registry !== undefined) this.registry = fields.registry;
    if (fields.scope !== undefined) this.scope = fields.scope;
  }
}

/** Any other answer that is not the one the protocol asks for; the registry's own code is kept. */
export class ResponseError extends GantryError {
  readonly code: string;
  constructor(code: string, message: string, fields?: ErrorFields) {
    super(message, fields);
    this.code = code;
  }
}

export type TransportCode = 'NO_CONNECTION' | 'TIMED_OUT' | 'STALLED' | 'CUT_OFF' | 'REDIRECT_REFUSED';

/** The way to the other side failed; nothing is known of what it would have said. */
export class TransportError extends GantryError {
  readonly code: TransportCode;
  constructor(code: TransportCode, message: string, fields?: ErrorFields) {
    super(message, fields);
    this.code = code;
  }
}

export type StorageCode = 'NO_SPACE' | 'NO_PERMISSION' | 'IN_USE' | 'IO_FAILED';

/** The disk said no. */
export class StorageError extends GantryError {
  readonly code: StorageCode;
  readonly path: string;
  constructor(code: StorageCode, message: string, fields: ErrorFields & { readonly path: string }) {
    super(message, fields);
    this.code = code;
    this.path = fields.path;
  }
}

/** This place, runtime or registry can't do that. */
export class UnsupportedError extends GantryError {
  readonly code = 'UNSUPPORTED' as const;
  readonly operation: string;
  constructor(operation: string, message: string, fields?: ErrorFields) {
    super(message, fields);
    this.operation = operation;
  }
}

/**
 * A copy failed; `side` and `step` say where, `code` and `cause` say why: the code is that of the cause, `MANIFEST_UNKNOWN`
 * or `DENIED` say, and COPY_FAILED where there is none.
 */
export class CopyError extends GantryError {
  readonly code: string;
  readonly side: 'source' | 'destination';
  readonly step: string;
  /** Digest of the content at hand, or undefined while the root was being resolved. */
  readonly digest?: string;
  constructor(
    message: string,
    fields: ErrorFields & {
      readonly side: 'source' | 'destination';
      readonly step: string;
      readonly digest?: string;
    },
  ) {
    super(message, fields);
    this.code = isGantryError(fields.cause) ? fields.cause.code : 'COPY_FAILED';
    this.side = fields.side;
    this.step = fields.step;
    if (fields.digest !== undefined) this.digest = fields.digest;
  }

  override toJSON(): Record<string, unknown> {
    const { side, step, digest } = this;
    return { ...super.toJSON(), side, step, ...(digest === undefined ? {} : { digest }) };
  }
}

/** Whether `error` is gantry's, from this copy of the package or another; with `code`, that one. */
export function isGantryError(error: unknown, code?: string): error is GantryError {
  if (typeof error !== 'object' || error === null || !('isGantryError' in error)) return false;
  if (error.isGantryError !== true) return false;
  return code === undefined || ('code' in error && error.code === code);
}

/** A message is one line, however the parts that were put into it look; control characters can't reach a terminal. */
function oneLine(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters to keep out.
  return text.replace(/[\u0000-\u001f\u007f-\u009f]+/g, ' ').trim();
}
