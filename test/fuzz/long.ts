import { join } from 'node:path';

/**
 * The long run, `npm run fuzz`: GANTRY_FUZZ_RUNS cases for each parser, by default 100,000, each time of a new seed.
 */
process.env['GANTRY_FUZZ_RUNS'] ??= '100000';
process.argv.push(join('test', 'fuzz'));
void import('../run.ts');
