import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { cliManual } from './cli-manual.ts';

/** Writes the generated parts of docs/cli.md. The compiled file is two folders below the root of the project. */
const page = fileURLToPath(new URL('../../docs/cli.md', import.meta.url));

await writeFile(page, cliManual(await readFile(page, 'utf8')));
