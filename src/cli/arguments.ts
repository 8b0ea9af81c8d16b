/** The meaning of an argument or of the value of an option. It decides which registry a text names. */
export type ArgumentKind =
  | 'place' // a reference, or a place on disk with its prefix
  | 'index' // a place, or the path of a layout that may not exist yet
  | 'image'
  | 'blob'
  | 'repository'
  | 'registry'
  | 'path'
  | 'word'; // any other text

/** An argument of a command. */
export interface Argument {
  /** The name in the help, in capitals. */
  readonly name: string;
  readonly kind: ArgumentKind;
  /** True if the argument takes one word or more. */
  readonly many?: boolean;
  /** True if the argument may be left out. */
  readonly optional?: boolean;
}

/** Returns the argument as the help shows it: `IMAGE`, `IMAGE...` or `[IMAGE]`. */
export function argumentUsage({ name, many = false, optional = false }: Argument): string {
  const text = many ? `${name}...` : name;
  return optional ? `[${text}]` : text;
}

export const image: Argument = { name: 'IMAGE', kind: 'image' };
export const images: Argument = { ...image, many: true };
export const optionalImage: Argument = { ...image, optional: true };
export const blob: Argument = { name: 'BLOB', kind: 'blob' };
export const repository: Argument = { name: 'REPO', kind: 'repository' };
export const path: Argument = { name: 'PATH', kind: 'path' };
export const directory: Argument = { name: 'DIR', kind: 'path' };
