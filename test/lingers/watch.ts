import { writeSync } from 'node:fs';
import { followTimers, stillHeld } from './held.ts';

/**
 * This module loads before the command line (`node --import`). The last act of a settled command is to remove its
 * listener for uncaught errors. From then on nothing may hold the process, and the module writes each holder to stderr.
 * The last line of stderr tells whether the command has settled at all.
 */
followTimers();
let state = 'never settled';

process.on('removeListener', (event) => {
  if (event !== 'uncaughtException') return;
  state = 'settled';
  void stillHeld().then((held) => {
    if (held.length === 0) return;
    state = `held by ${held.join('\n')}`;
    process.exit();
  });
});

process.on('exit', () => {
  writeSync(2, `\nwatch: ${state}\n`);
});
