#!/usr/bin/env node
import { packageVersion } from './version.ts';

const argv = process.argv.slice(2);

// Scripts run this often, so it is answered before anything else is loaded.
if (argv.length === 1 && (argv[0] === 'version' || argv[0] === '--version')) {
  process.stdout.on('error', () => undefined);
  process.stdout.write(`${packageVersion()}\n`);
} else {
  void import('./run.ts').then(async ({ run }) => {
    process.exitCode = await run(argv);
  });
}
