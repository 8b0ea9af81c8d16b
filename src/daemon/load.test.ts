import { startFakeDaemon } from '../../bench/support/fake-daemon.ts';
import { atEnd } from '../../test/at-end.ts';
import { folder } from '../../test/folder.ts';
import { repositoryContract } from '../testing/contract.ts';
import { openDaemon } from './daemon.ts';

repositoryContract(
  'a load into a docker daemon',
  async (test) => {
    const fake = await startFakeDaemon(await folder(test));
    atEnd(test, () => fake[Symbol.asyncDispose]());
    const daemon = await openDaemon({ host: fake.host });
    atEnd(test, () => daemon[Symbol.asyncDispose]());
    const load = await daemon.load('acme/app');
    atEnd(test, () => load[Symbol.asyncDispose]());
    return load;
  },
  { mounts: false, mountsFromAny: false },
);
