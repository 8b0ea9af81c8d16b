import { isGantryError } from '../errors.ts';
import { collect } from '../flow/collect.ts';
import { baseDigestKey } from '../image/base-annotations.ts';
import type { Image } from '../image/image.ts';
import { openImageFile } from '../image/open-file.ts';
import type { SignalOptions } from '../store/contract.ts';
import type { LibC } from './native/object-file.ts';

/** The user for an image on a base without a user of its own: the one of distroless images. */
const nobody = '65532';

/** In bytes. The one of a full Debian has 1 KiB. */
const passwdLimit = 1024 * 1024;

/** The user of an image, and the words of the history about it. */
export interface ChosenUser {
  readonly user: string;
  readonly from: string;
}

const fromPasswd = 'user from /etc/passwd of the base';

/**
 * Chooses the user that an image runs as: that of the base, unless it is root, and else one for Node of its /etc/passwd. The
 * number of a user, other than its name, lets Kubernetes check that it is not root. Reads layers of the base only if nothing
 * else tells it.
 */
export async function chooseUser(
  base: Image,
  previous: Image | undefined,
  options: SignalOptions,
): Promise<ChosenUser> {
  const { User: own = '' } = (await base.config(options)).config ?? {};
  if (own !== '' && !/^(?:root|0+)(?::|$)/.test(own)) return { user: own, from: 'user of the base' };
  const known = previous === undefined ? undefined : await userBefore(base, previous, options);
  if (known !== undefined) return { user: known, from: fromPasswd };
  const passwd = await textIn(base, '/etc/passwd', options);
  return { user: userIn(passwd) ?? nobody, from: fromPasswd };
}

/**
 * Returns the user of an earlier build on the same base, which has read the base. Never root, since others may have pushed that
 * image.
 */
async function userBefore(base: Image, previous: Image, options: SignalOptions): Promise<string | undefined> {
  const { descriptor } = await base.manifest(options);
  const { body } = await previous.manifest(options);
  if (body.annotations?.[baseDigestKey] !== descriptor.digest) return undefined;
  const { config, history = [] } = await previous.config(options);
  const { User: user = '' } = config ?? {};
  const isChosen = history.some(({ comment }) => comment === fromPasswd);
  return isChosen && /^[1-9]\d*$/.test(user) ? user : undefined;
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

/** Finds the C library of a base by its loader. Reads the layers of the base. */
export async function libcOf(base: Image, options: SignalOptions): Promise<LibC | undefined> {
  const { architecture, os } = await base.config(options);
  if (os !== 'linux') return undefined;
  const name = muslNames.get(architecture) ?? architecture;
  try {
    await openImageFile(base, `/lib/ld-musl-${name}.so.1`, options);
    return 'musl';
  } catch (error) {
    if (isGantryError(error, 'FILE_UNKNOWN')) return 'glibc';
    throw error;
  }
}
