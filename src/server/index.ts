export { type DiskRegistry, type OpenDiskOptions, openDiskRegistry } from '../disk/registry.ts';
export { createMemoryRegistry } from '../memory/registry.ts';
export type { Registry } from '../store/contract.ts';
export type { HttpRequest, HttpResponse, Send } from '../wire/message.ts';
export { type AppOptions, createApp } from './app.ts';
export { type Listener, type ListenOptions, listen } from './node.ts';
