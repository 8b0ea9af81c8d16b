/** Bytes in one step through a file: 1 MiB is where more stops helping, and costs half of what 256 KiB cost. */
const large = 1024 * 1024;
/** Where so many are under way at once that memory counts more. */
const small = 128 * 1024;
/** Bytes that are lent before the small ones are handed out: whoever has one gets on more slowly than the rest. */
const plenty = 48 * large;
/** Bytes that are lent before nobody should have more than it takes. */
const crowd = 16 * large;
/** Bytes that wait for the next who needs them. */
const stock = 24 * large;

/** Memory that other threads see, too, or not: what is handed to readers must not be, since fetch and others refuse it. */
type Kind = 'shared' | 'own';

/** For the next who needs one: memory that is made anew for each transfer piles up faster than it is collected. */
const kept: Readonly<Record<Kind, Readonly<Record<'large' | 'small', Buffer[]>>>> = {
  shared: { large: [], small: [] },
  own: { large: [], small: [] },
};
let lent = 0;
let held = 0;

/** A buffer for steps through a file. What stands in it is another transfer's: only what was written may be read. */
export function takeBuffer(kind: Kind): Buffer {
  const size = lent < plenty ? 'large' : 'small';
  const bytes = size === 'large' ? large : small;
  lent += bytes;
  const again = kept[kind][size].pop();
  if (again !== undefined) held -= bytes;
  return (
    again ?? (kind === 'shared' ? Buffer.from(new SharedArrayBuffer(bytes)) : Buffer.allocUnsafeSlow(bytes))
  );
}

/** `reusable` only where nothing can be reading it any more, a socket least of all: the next one writes into it. */
export function returnBuffer(buffer: Buffer, { reusable }: { readonly reusable: boolean }): void {
  const bytes = buffer.byteLength;
  lent -= bytes;
  if (!reusable || held + bytes > stock) return;
  held += bytes;
  const kind = buffer.buffer instanceof SharedArrayBuffer ? 'shared' : 'own';
  kept[kind][bytes === large ? 'large' : 'small'].push(buffer);
}

/** Whether so many are lent that a transfer should do with what it has. */
export function areScarce(): boolean {
  return lent >= crowd;
}

/** Up to this size a buffer of just that size does. */
export const shortPart: number = small / 2;
