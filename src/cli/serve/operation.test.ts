import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isGantryError } from '../../errors.ts';
import { defaultLimits } from '../../server/limits.ts';
import { parseCommandLine } from '../program.ts';
import { operationOf, type ServeOperation } from './operation.ts';

function read(...flags: readonly string[]): ServeOperation {
  const invocation = parseCommandLine(['serve', ...flags]);
  assert.ok(invocation.kind === 'run');
  return operationOf(invocation.given);
}

type Values = Readonly<Record<string, unknown>>;

/** All flags in one object. */
function valuesOf({ app, listen, ...rest }: ServeOperation): Values {
  const { limits, ...gate } = app;
  return { ...gate, ...limits, ...listen, ...rest };
}

describe('operationOf', () => {
  const usual: Values = {
    ...defaultLimits,
    writes: true,
    deletes: true,
    requestIdle: undefined,
    answerIdle: undefined,
    headerBytes: undefined,
    connections: undefined,
    log: undefined,
    metrics: false,
    hosts: [],
    grace: 30_000,
  };

  it('operationOf has the defaults of the server', () => {
    assert.deepEqual(valuesOf(read()), usual);
  });

  const rows: readonly (readonly [flags: string, said: Values])[] = [
    ['--read-only', { writes: false }],
    ['--no-delete', { deletes: false }],
    ['--max-manifest 1M', { manifestBytes: 2 ** 20 }],
    ['--max-blob 10G', { blobBytes: 10 * 2 ** 30 }],
    ['--max-sessions 7', { sessions: 7 }],
    ['--max-repository-sessions 7', { repositorySessions: 7 }],
    ['--session-idle 7', { sessionIdle: 7_000 }],
    ['--max-page 7', { pageNames: 7 }],
    ['--max-tags 7', { tagParameters: 7 }],
    ['--max-tags 0', { tagParameters: 0 }],
    ['--request-idle 7', { requestIdle: 7_000 }],
    ['--answer-idle 7', { answerIdle: 7_000 }],
    ['--max-header 64KiB', { headerBytes: 65_536 }],
    ['--max-connections 7', { connections: 7 }],
    ['--log access.log', { log: 'access.log' }],
    ['--metrics', { metrics: true }],
    ['--host-name one.example --host-name two.example', { hosts: ['one.example', 'two.example'] }],
    ['--grace 0', { grace: 0 }],
  ];
  for (const [flags, said] of rows) {
    it(`operationOf changes only one setting with ${flags}`, () => {
      assert.deepEqual(valuesOf(read(...flags.split(' '))), { ...usual, ...said });
    });
  }

  for (const flag of [
    '--max-manifest=5M',
    '--max-blob=0',
    '--max-blob=many',
    '--max-blob=9999T',
    '--max-header=1.5K',
    '--max-connections=0',
    '--max-connections=1.5',
    '--max-sessions=0',
    '--max-repository-sessions=0',
    '--max-repository-sessions=0x1',
    '--max-page=0',
    '--max-tags=-1',
    '--session-idle=0',
    '--request-idle=0',
    '--request-idle=-1',
    '--answer-idle=soon',
    '--grace=soon',
    '--grace=30s',
    '--host-name=a/b',
    '--host-name=https://a.example',
    '--host-name=a b',
  ]) {
    it(`operationOf refuses ${flag}, and names the option`, () => {
      const [option = ''] = flag.split('=');
      assert.throws(
        () => read(flag),
        (error) => isGantryError(error, 'INVALID_OPTION') && error.message.startsWith(option),
      );
    });
  }
});
