export { type DiskRegistry, type OpenDiskOptions, openDiskRegistry } from '../disk/registry.ts';
export { createMemoryRegistry } from '../memory/registry.ts';
export { type AppOptions, createApp } from './app.ts';
export { type Listener, type ListenOptions, listen } from './node.ts';
