import { TransportError } from '../errors.ts';

/** The outcome of `wait`, or STALLED when there is none after so many milliseconds. */
export async function within<T>(wait: Promise<T>, milliseconds: number, message: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const stalled = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new TransportError('STALLED', message)), milliseconds);
  });
  try {
    return await Promise.race([wait, stalled]);
  } finally {
    clearTimeout(timer);
  }
}
