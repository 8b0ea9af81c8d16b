import type { ByteReader, ByteWriter } from './byte-values.ts';

/** Names of owners that are kept once for all headers. A system has some dozens. */
const maxOwners = 4096;

/** Names of owners by number, since most files of an image have the same. */
export interface Owners {
  write(to: ByteWriter, name: string): void;
  read(from: ByteReader): string;
}

export function createOwners(): Owners {
  const names: string[] = [];
  const numbers = new Map<string, number>();
  return {
    write(to, name) {
      const known = numbers.get(name);
      if (known !== undefined) return to.number(known + 1);
      if (names.length < maxOwners) {
        numbers.set(name, names.length);
        return to.number(names.push(name));
      }
      to.number(0);
      return to.text(name);
    },
    read(from) {
      const number = from.number();
      return number === 0 ? from.text() : (names[number - 1] ?? '');
    },
  };
}
