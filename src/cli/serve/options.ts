import type { Option } from '../command.ts';

/** What can be said to `gantry serve`. */
export const serveOptions: readonly Option[] = [
  { name: 'address', value: 'ADDRESS', summary: 'host:port, or :port for every address of this machine' },
  { name: 'disk', value: 'DIR', summary: 'keep what is pushed in this folder' },
  { name: 'strict', summary: 'refuse an image whose blobs are not there yet' },
];
