import { join } from 'node:path';
import { platformHere } from '../scripts/executables/platforms.ts';
import { projectRoot } from '../scripts/project.ts';
import { crane, gantry, type Tool } from './tools.ts';

/**
 * Returns the executable file of gantry that `npm run build:executables` has made for this machine, beside crane, and beside
 * another executable file, such as one that Node has made.
 */
export function executableTools(other: string | undefined): readonly Tool[] {
  const { name = '', fileName = '' } = platformHere() ?? {};
  const file = join(projectRoot(), 'dist', 'executables', name, fileName);
  return [
    executable('gantry, executable file', file),
    ...(other === undefined ? [] : [executable('gantry, other file', other)]),
    { ...crane, beside: crane.name },
    // Its version is not gantry's, so no check of the result.
    { ...crane, verbs: { version: () => ['version'] }, idle: true, beside: crane.name },
  ];
}

function executable(name: string, file: string): Tool {
  return { ...gantry, name, program: [file], start: [file, 'version'], beside: crane.name };
}
