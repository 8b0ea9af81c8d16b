import type { SignalOptions } from '../store/contract.ts';
import type { Connections } from './connections.ts';
import type { Verb } from './options.ts';
import type { EditVerbs } from './verbs/edit.ts';
import { warmUpEdit } from './warm-up.ts';

/** Checks the arguments and options of a call, and adds the defaults and the signal of the client. */
export type MergeOptions = <T extends SignalOptions>(
  verb: Verb,
  values: Readonly<Record<string, unknown>>,
  own: T,
) => T & SignalOptions;

/** Returns the verbs that change and make images. Each loads its own file when it is first asked for. */
export function editCalls(connections: Connections, merged: MergeOptions): EditVerbs {
  return {
    edit: async (source, change, own = {}) => {
      const options = merged('edit', { source, change }, own);
      await warmUpEdit(connections, source, options);
      return (await import('./edit.ts')).editImages(connections, source, change, options);
    },
    append: async (layers, own) => {
      const options = merged('append', { layers }, own);
      await warmUpEdit(connections, options.base, options);
      return (await import('./append.ts')).appendLayers(connections, layers, options);
    },
    flatten: async (source, own = {}) => {
      const options = merged('flatten', { source }, own);
      await warmUpEdit(connections, source, options);
      return (await import('./flatten.ts')).flattenImages(connections, source, options);
    },
    rebase: async (source, own = {}) => {
      const options = merged('rebase', { source }, own);
      await warmUpEdit(connections, source, options);
      return (await import('./rebase.ts')).rebaseImages(connections, source, options);
    },
    convert: async (source, own) => {
      const options = merged('convert', { source }, own);
      await warmUpEdit(connections, source, options);
      return (await import('./convert.ts')).convertImages(connections, source, options);
    },
    editManifest: async (source, change, own = {}) => {
      const options = merged('editManifest', { source, change }, own);
      await warmUpEdit(connections, source, options);
      return (await import('./edit-manifest.ts')).editManifest(connections, source, change, options);
    },
    editIndex: async (source, change, own = {}) => {
      const options = merged('editIndex', { source, change }, own);
      return (await import('./edit-index.ts')).editIndex(connections, source, change, options);
    },
    appendIndex: async (images, own) => {
      const options = merged('appendIndex', { images }, own);
      return (await import('./append-index.ts')).appendIndex(connections, images, options);
    },
    listIndex: async (source, own = {}) => {
      const options = merged('listIndex', { source }, own);
      return (await import('./list-index.ts')).listIndex(connections, source, options);
    },
    build: async (directory, own) => {
      const options = merged('build', { directory }, own);
      return (await import('./build.ts')).buildFolder(connections, directory, options);
    },
  };
}
