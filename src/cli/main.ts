#!/usr/bin/env node
import { packageVersion } from './version.ts';

const argv = process.argv.slice(2);

// Scripts run this often, so it is answered before anything else is loaded.
if (argv.length === 1 && (argv[0] === 'version' || argv[0] === '--version')) {
  process.stdout.on('error', () => undefined);
  process.stdout.write(`${packageVersion()}\n`, (error) => {
    if (error) end(async ({ reportUnwritten }) => reportUnwritten(error));
  });
} else {
  end(({ run }) => run(argv));
}

/** Sets the exit code that the command line returns, which loads now. */
function end(exitCode: (commandLine: typeof import('./run.ts')) => Promise<number>): void {
  void import('./run.ts').then(async (commandLine) => {
    process.exitCode = await exitCode(commandLine);
  });
}
