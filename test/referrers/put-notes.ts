import { once } from 'node:events';
import process from 'node:process';
import { createClient } from '../../src/index.ts';
import { noteOf } from './notes.ts';

/**
 * A process that puts referrers of one subject at the same time when a line arrives on stdin: `node put-notes.js
 * REPOSITORY SUBJECT NAME COUNT`. It writes `ready` when it waits for the line.
 */
const [repository = '', subject = '', name = '', count = ''] = process.argv.slice(2);
const client = createClient();
const { descriptor } = await client.getManifest(`${repository}@${subject}`);
const notes = Array.from({ length: Number(count) }, (_, at) => noteOf(`${name} ${at}`, descriptor));
process.stdout.write('ready\n');
await once(process.stdin, 'data');
process.stdin.destroy();
await Promise.all(notes.map((note) => client.putManifest(`${repository}@${note.descriptor.digest}`, note)));
await client[Symbol.asyncDispose]();
