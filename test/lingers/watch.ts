import { writeSync } from 'node:fs';
import { followTimers, stillHeld } from './held.ts';

/**
 * Loaded before the command line (`node --import`). The last act of a settled command is to give its listener for uncaught
 * errors back. From there on nothing may hold the process: whatever does is written to stderr. The last line on stderr says
 * whether the command has settled at all.
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
