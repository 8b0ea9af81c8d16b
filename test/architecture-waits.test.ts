import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { describe, it } from 'node:test';
import { projectRoot } from '../scripts/project.ts';

/**
 * Nothing waits for another caller for ever. Waits come from the modules in `made`, each of which has a signal and an
 * end; `test/waits` shows that. This page lists all other waits by hand, with the reason for their end. A new wait
 * fails the test until it has a line here.
 */

/** The makers of waits for other callers. Each has a signal and an end in time, and rows in `test/waits/ends.test.ts`. */
const made = [
  'createSemaphore',
  'createMutex',
  'createKeyedMutex',
  'createUploadMutex',
  'createRwLock',
  'createSingleFlight',
  'createQuestions',
  'createAdaptiveLimit',
  'createRecentWrites',
  'createPool',
  'createFairQueue',
];

const thisDisk = 'waits for files of this machine alone, whose reading and writing ends';
const oneCall = 'all who wait belong to one call and end with its signal; each step of it ends by itself';
const timer = 'a timer ends it';
const sender = 'ends with the connection, and the timeouts of http/timeout end that';

/** Waits for others that have no end in time, by the maker. */
const withoutEnd: Readonly<Record<string, string>> = {
  'archive/recompress.ts': thisDisk,
  'archive/synthesis.ts': thisDisk,
  'archive/write.ts': 'another process that is alive: it is named after 2 s, and the signal ends the wait',
  'cli/commands/layout-gc.ts':
    'another process that is alive: it is named after 2 s, and the signal ends the wait',
  'client/copy-repository.ts': oneCall,
  'client/delete.ts': oneCall,
  'client/open.ts': 'another process that is alive: it is named after 2 s, and the signal ends the wait',
  'client/prune-plan.ts': oneCall,
  'client/push-streams.ts': oneCall,
  'client/upload-journal.ts': 'a limit of its own, after which the upload goes on without the journal',
  'copy/run.ts': oneCall,
  'disk/garbage.ts': 'no wait: the lock of another process is IN_USE',
  'disk/registry.ts': 'no wait unless the caller says for how long',
  'disk/soundness.ts': thisDisk,
  'disk/index-writer.ts': thisDisk,
  'files/draft.ts': 'no wait: each draft has a lock of its own',
  'files/lock.ts': 'another process: as long as the caller says, and no longer than the other one is alive',
  'flow/pool.ts': 'its users are listed here',
  'image/edit/remake.ts': oneCall,
  'image/open-file-system.ts': oneCall,
  'keychain/store.ts': 'a limit of its own',
  'layout/session.ts': 'no wait unless the caller says for how long',
  'server/access/password-check.ts': 'each look at a password has a limit',
  'pull-through/registry.ts': 'each fetch that holds a place has a limit of silence',
};

/** Promises that code keeps or makes by hand: their number in each file, and the reason why each ends. */
const byHand: Readonly<Record<string, readonly [count: number, reason: string]>> = {
  'archive/spool.ts': [1, thisDisk],
  'auth/first-request.ts': [2, `${timer}, and the others go ahead`],
  'build/layer-tar.ts': [1, thisDisk],
  'cli/commands/serve.ts': [1, 'the command lasts until its signal'],
  'cli/output.ts': [1, 'the reader of the output takes it or closes it'],
  'cli/prompt.ts': [1, 'the user answers, closes the input, or ends the command by its signal'],
  'cli/serve/log-file.ts': [1, thisDisk],
  'cli/upload-notes.ts': [1, thisDisk],
  'client/connections.ts': [1, thisDisk],
  'client/upload-journal.ts': [1, thisDisk],
  'copy/present.ts': [1, oneCall],
  'copy/referrers.ts': [1, oneCall],
  'copy/soon.ts': [1, timer],
  'copy/run.ts': [5, oneCall],
  'daemon/load-stream.ts': [
    3,
    'the signal, the files before it, whose sources end their own silence, and the end of the request, which has a timeout',
  ],
  'daemon/load.ts': [1, 'the signal, and a question to the daemon, which has a timeout'],
  'daemon/spooled-blobs.ts': [1, thisDisk],
  'disk/check-blobs.ts': [1, thisDisk],
  'disk/durable.ts': [2, thisDisk],
  'disk/soundness.ts': [1, thisDisk],
  'disk/index-writer.ts': [2, `${thisDisk}; the close of a store has a limit`],
  'files/files.ts': [1, thisDisk],
  'files/lock.ts': [2, `${thisDisk}, and ${timer}`],
  'flow/abort.ts': [1, 'takes the end of what it is given, or the signal'],
  'flow/node/compression.ts': [1, 'the decompressor takes its input or fails'],
  'flow/node/pieced-gzip.ts': [1, 'zlib answers for a piece'],
  'flow/semaphore.ts': [1, 'the signal, and a timer'],
  'flow/single-flight.ts': [1, 'has come when it is kept'],
  'flow/sleep.ts': [1, timer],
  'flow/within.ts': [1, timer],
  'http/adaptive-limit.ts': [1, 'the signal, and a timer'],
  'http/node/body-receiver.ts': [1, sender],
  'http/node/connection.ts': [1, sender],
  'http/node/tunnel.ts': [1, timer],
  'http/drain.ts': [1, timer],
  'http/hedge.ts': [1, sender],
  'http/node/sent-request.ts': [2, sender],
  'http/timeout.ts': [1, timer],
  'http/node/transport.ts': [2, 'the next turn of the event loop'],
  'http/whole-answer.ts': [
    2,
    'each answer, of which the timeouts of http/timeout end the silence; a silent page has a timer',
  ],
  'keychain/credential-helper.ts': [1, 'the helper has a minute and is killed then'],
  'blobfile/blob-file.ts': [1, thisDisk],
  'blobfile/flush.ts': [1, thisDisk],
  'blobfile/hash-thread.ts': [1, 'the thread answers, or its end answers for it'],
  'blobfile/hash-writer.ts': [1, thisDisk],
  'blobfile/write-buffer.ts': [1, thisDisk],
  'remote/beside.ts': [3, `${timer}; both readings end with their connections`],
  'remote/known-roots.ts': [1, thisDisk],
  'remote/range-parts.ts': [1, sender],
  'remote/fallback-tag.ts': [1, 'the signal, and a limit'],
  'remote/upload/silent-answer.ts': [1, 'settles with the request, which has a timeout'],
  'server/access/htpasswd.ts': [1, timer],
  'server/access/queue.ts': [1, 'the signal, and each task that holds a place has a limit'],
  'server/access/signer.ts': [1, 'computed by this process'],
  'server/access/token-service.ts': [1, timer],
  'server/node/body.ts': [1, 'ends with the connection'],
  'server/node/connections.ts': [
    3,
    'the request before it on the same connection, and ends with the connection',
  ],
  'server/node/exchange.ts': [2, 'ends with the connection'],
  'server/node/idle.ts': [1, timer],
  'server/node/listen.ts': [5, 'the close of the server, which has a time of grace'],
  'server/sessions.ts': [1, 'raced with its turn, which has a signal and an end'],
  'sign/key-file.ts': [1, 'the work of scrypt, which is limited'],
  'server/watched-body.ts': [1, 'the next chunk of the request, which server/node ends when it stalls'],
  'pull-through/fetch.ts': [3, 'the signal, and a limit of silence for the upstream'],
  'testing/faults.ts': [1, 'a scripted silence, until the signal'],
};

const source = join(projectRoot(), 'src');

function sources(): ReadonlyMap<string, string> {
  const files = readdirSync(source, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts') && !entry.name.includes('.test.'))
    .map((entry) => join(entry.parentPath, entry.name));
  return new Map(
    files.map((path) => [
      relative(source, path).split(sep).join('/'),
      readFileSync(path, 'utf8')
        .replace(/\/\*[\s\S]*?\*\//g, '')
        .replace(/^\s*\/\/.*$/gm, ''),
    ]),
  );
}

const all = sources();
const linesWith = (text: string, pattern: RegExp): number =>
  text.split('\n').filter((line) => pattern.test(line)).length;

/** A promise that code makes by hand, or keeps for later callers. */
const keptOrMade =
  /\bnew Promise\b|Promise\.withResolvers|Map<[^;=()]*\bPromise<|^\s*(?:let|readonly|#\w+:|\w+\??:)[^=;()]*\bPromise<[^;=]*[=;]/;
/** Makers that wait as long as the holders of their places, and limits without a number. */
const unlimited =
  /\b(?:createPool|createFairQueue|takeLock)\((?!jobs\?)|\b(?:limit|patience): Number\.POSITIVE_INFINITY|\bwait\b.*Number\.POSITIVE_INFINITY/;

describe('waits for other callers', () => {
  it('waits that are made by hand are listed, with the reason for their end', () => {
    const found = [...all].flatMap(([file, text]) => {
      const count = linesWith(text, keptOrMade);
      return count === 0 ? [] : [`${file}: ${count}`];
    });
    const listed = Object.entries(byHand).map(([file, [count]]) => `${file}: ${count}`);
    assert.deepEqual(found.sort(), listed.sort());
  });

  it('waits without an end in time are listed, with the reason for their end', () => {
    const found = [...all].flatMap(([file, text]) => {
      const used = text.replace(/^export (?:async )?function .*$/gm, '');
      return linesWith(used, unlimited) === 0 ? [] : [file];
    });
    assert.deepEqual(found.sort(), Object.keys(withoutEnd).sort());
  });

  it('the makers of waits are all known here', () => {
    const makers = [...all.values()].flatMap((text) =>
      Array.from(
        text.matchAll(
          /^export (?:async )?function (create\w*(?:Mutex|Lock|Semaphore|Queue|Pool|Flight|Limit|Questions|Writes))\b/gm,
        ),
        ([, name]) => name ?? '',
      ),
    );
    assert.deepEqual(makers.sort(), [...made].sort());
  });
});
