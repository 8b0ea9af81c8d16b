import { InputError, StorageError } from '../errors.ts';

/**
 * Puts the name of an option before the message of an error about its value. Other errors stay as they are.
 * @example `await readText(path).catch(ofOption('cacert'))`
 */
export function ofOption(option: string): (error: unknown) => never {
  return (error) => {
    if (error instanceof InputError) {
      throw new InputError(error.code, `--${option}: ${error.message}`, { cause: error.cause });
    }
    if (error instanceof StorageError) {
      const { code, message, path, cause } = error;
      throw new StorageError(code, `--${option}: ${message}`, { path, cause });
    }
    throw error;
  };
}

/** Parses the value of an option; an error of `parse` names the option. */
export function readOption<T>(option: string, value: string, parse: (value: string) => T): T {
  try {
    return parse(value);
  } catch (error) {
    return ofOption(option)(error);
  }
}
