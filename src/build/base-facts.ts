import { isGantryError } from '../errors.ts';
import { collect } from '../flow/collect.ts';
import { baseDigestKey } from '../image/base-annotations.ts';
import type { Image } from '../image/image.ts';
import { openImageFile } from '../image/open-file.ts';
import type { ImageConfig } from '../spec/image-config.ts';
import type { SignalOptions } from '../store/contract.ts';
import type { LibC } from './native/object-file.ts';

/** The user for an image on a base without a user of its own: the one of distroless images. */
const nobody = '65532';

/** In bytes. The one of a full Debian has 1 KiB. */
const passwdLimit = 1024 * 1024;

/** Facts that often only the files of a base tell. Each is looked for once, and only if it is asked for. */
export interface BaseFacts {
  /**
   * The user that an image runs as: that of the base, unless it is root, and else one for Node of its /etc/passwd. The number of a
   * user, other than its name, lets Kubernetes check that it is not root.
   */
  user(): Promise<string>;
  /** The C library. */
  libc(): Promise<LibC | undefined>;
  /** Words for the history, by which a later build on the same base knows the facts that were asked for. */
  words(): string;
}

interface Base {
  readonly image: Image;
  /** An earlier build, maybe on the same base. */
  readonly previous: Image | undefined;
  /** The base for several readings of its layers. */
  readonly readable: Image;
}

const fromPasswd = 'user by /etc/passwd of the base';
const byLoader = { glibc: 'glibc in the base', musl: 'musl in the base' } as const;

/** Looks for the facts about a base. Reads its layers only if neither its config nor an earlier build tells a fact. */
export function createBaseFacts({ image, previous, readable }: Base, options: SignalOptions): BaseFacts {
  const words: string[] = [];
  let found: { readonly user?: string; readonly libc?: LibC | undefined } = {};
  const earlier = async (): Promise<ImageConfig | undefined> =>
    previous === undefined ? undefined : configOnBase(image, previous, options);
  return {
    async user() {
      if (found.user !== undefined) return found.user;
      const { User: own = '' } = (await image.config(options)).config ?? {};
      const isRoot = own === '' || /^(?:root|0+)(?::|$)/.test(own);
      const known = isRoot ? (userBefore(await earlier()) ?? (await passwdUser(readable, options))) : own;
      words.push(isRoot ? fromPasswd : 'user of the base');
      found = { ...found, user: known };
      return known;
    },
    async libc() {
      if ('libc' in found) return found.libc;
      const libc = libcBefore(await earlier()) ?? (await loaderLibc(readable, options));
      if (libc !== undefined) words.push(byLoader[libc]);
      found = { ...found, libc };
      return libc;
    },
    words: () => words.toSorted().join(', '),
  };
}

/** Returns the config of an earlier build on the same base; undefined for any other image. */
async function configOnBase(
  base: Image,
  previous: Image,
  options: SignalOptions,
): Promise<ImageConfig | undefined> {
  const { digest } = (await base.manifest(options)).descriptor;
  const { body } = await previous.manifest(options);
  return body.annotations?.[baseDigestKey] === digest ? previous.config(options) : undefined;
}

function saysBefore({ history = [] }: ImageConfig, words: string): boolean {
  return history.some(({ comment = '' }) => comment.split(', ').includes(words));
}

/** Never root, since others may have pushed the earlier image. */
function userBefore(earlier: ImageConfig | undefined): string | undefined {
  const user = earlier?.config?.User ?? '';
  return earlier !== undefined && saysBefore(earlier, fromPasswd) && /^[1-9]\d*$/.test(user)
    ? user
    : undefined;
}

function libcBefore(earlier: ImageConfig | undefined): LibC | undefined {
  if (earlier === undefined) return undefined;
  return (['glibc', 'musl'] as const).find((libc) => saysBefore(earlier, byLoader[libc]));
}

/** Returns the user for Node in /etc/passwd, by its number. */
async function passwdUser(base: Image, options: SignalOptions): Promise<string> {
  return userIn(await textIn(base, '/etc/passwd', options)) ?? nobody;
}

/** Returns the UID of `node` or `nonroot`. */
function userIn(passwd: string): string | undefined {
  const users = new Map(
    passwd.split('\n').map((line) => {
      const [name = '', , uid = ''] = line.split(':');
      return [name, uid] as const;
    }),
  );
  return ['node', 'nonroot'].map((name) => users.get(name)).find((uid) => /^[1-9]\d*$/.test(uid ?? ''));
}

/** Returns a small text file of an image; '' if it has no such file. */
async function textIn(image: Image, path: string, options: SignalOptions): Promise<string> {
  try {
    const file = await openImageFile(image, path, options);
    return new TextDecoder().decode(await collect(file.open(), { limit: passwdLimit, what: path }));
  } catch (error) {
    if (isGantryError(error, 'FILE_UNKNOWN')) return '';
    throw error;
  }
}

/** The names of musl's loaders differ by the CPU. */
const muslNames: ReadonlyMap<string, string> = new Map([
  ['amd64', 'x86_64'],
  ['arm64', 'aarch64'],
  ['386', 'i386'],
  ['ppc64le', 'powerpc64le'],
  ['loong64', 'loongarch64'],
]);

/** Finds the C library of a base by its loader. */
async function loaderLibc(base: Image, options: SignalOptions): Promise<LibC | undefined> {
  const { architecture, os } = await base.config(options);
  if (os !== 'linux' || (await base.layers(options)).length === 0) return undefined;
  const name = muslNames.get(architecture) ?? architecture;
  try {
    await openImageFile(base, `/lib/ld-musl-${name}.so.1`, options);
    return 'musl';
  } catch (error) {
    if (isGantryError(error, 'FILE_UNKNOWN')) return 'glibc';
    throw error;
  }
}
