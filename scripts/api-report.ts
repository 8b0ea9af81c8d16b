import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { apiReports } from './measures/api-report.ts';

/** Writes the reports of the public interface. The compiled file is two folders below the root of the project. */
const root = fileURLToPath(new URL('../../', import.meta.url)).replace(/[\\/]$/, '');

for (const [path, text] of apiReports(root)) {
  await mkdir(join(root, 'api'), { recursive: true });
  await writeFile(join(root, path), text);
}
