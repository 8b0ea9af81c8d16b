import process from 'node:process';
import { createClient, createLayer, createUploadJournal, openLayout } from '../src/index.ts';
import { imageTag } from './images.ts';

/**
 * A program that writes the first layer of a layout to a repository, with a journal. Arguments: the layout, the repository,
 * and the folder of the journal.
 */
const [path = '', repository = '', journal = ''] = process.argv.slice(2);
await using layout = await openLayout(path, { mode: 'read' });
const { body } = await layout.manifests.get(imageTag);
const blob = body.kind === 'image' ? body.layers[0] : undefined;
if (blob === undefined) throw new Error(`${path} has no layer`);
await using client = createClient({ upload: { journal: createUploadJournal(journal) } });
const layer = createLayer(layout.blobs.open(blob), { mediaType: blob.mediaType });
await client.writeLayer({ repository, layer });
