import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isTest, parseSource, readSources, type Source } from '../scripts/measures/sources.ts';
import { projectRoot } from '../scripts/project.ts';

const places = 'each place opens its own part of the contract, under the same name';
const verbs = 'one operation: at the client, at the server that answers it, and in a command';

/** The names that several rooms export, because these rooms are mirrors of each other, with the reason. */
const mirrored: Readonly<Record<string, string>> = {
  openBlobs: places,
  openManifests: places,
  openReferrers: places,
  openTags: places,
  RegistryState: 'the state that one registry shares with its repositories, in memory and on disk',
  writeBlob: 'Blobs.write: by the steps of any place, and over HTTP',
  Exchange: 'one request and its response, at the client and at the server',
  createRemoteRegistry: 'the registry of remote/, and the same with the login and the retries of a client',
  deleteManifest: verbs,
  getManifest: verbs,
  putManifest: verbs,
  openBlob: verbs,
  mountBlob: verbs,
  startUpload: verbs,
  listReferrers: verbs,
  inspect: verbs,
  tag: verbs,
  validate: verbs,
};

function roomOf({ path }: Source): string {
  const [, folder = '', ...rest] = path.replace(/\.ts$/, '').split('/');
  return folder === 'server' && rest[0] === 'node' ? 'server/node' : folder;
}

/** The names that a file declares and exports. Names that it passes on from another file do not count. */
function namesOf(source: Source): readonly string[] {
  return parseSource(source).module.staticExports.flatMap(({ entries }) =>
    entries.flatMap(({ moduleRequest, exportName }) =>
      moduleRequest === null && exportName.name !== null ? [exportName.name] : [],
    ),
  );
}

function sharedNames(sources: readonly Source[]): ReadonlyMap<string, readonly string[]> {
  const rooms = new Map<string, Set<string>>();
  for (const source of sources) {
    for (const name of namesOf(source)) rooms.set(name, (rooms.get(name) ?? new Set()).add(roomOf(source)));
  }
  return new Map([...rooms].filter(([, { size }]) => size > 1).map(([name, found]) => [name, [...found]]));
}

describe('the names that the rooms export', () => {
  const shared = sharedNames(readSources(projectRoot(), 'src').filter((source) => !isTest(source)));

  it('no two rooms export the same name, except mirrored rooms', () => {
    const wrong = [...shared].filter(([name]) => mirrored[name] === undefined);
    assert.deepEqual(
      wrong.map(([name, rooms]) => `${name}: ${rooms.join(', ')}`),
      [],
      'give one of them another name',
    );
  });

  it('the list of mirrored names has no name that only one room exports', () => {
    assert.deepEqual(
      Object.keys(mirrored).filter((name) => !shared.has(name)),
      [],
    );
  });

  it('a declared name counts in its room, and a name that is passed on does not', () => {
    const files = [
      { path: 'src/spec/one.ts', text: 'export interface Twice {}\nexport const own = 1;' },
      { path: 'src/wire/two.ts', text: "export type Twice = 1;\nexport { own } from '../spec/one.ts';" },
      { path: 'src/wire/three.ts', text: 'export function other(): void {}' },
    ];
    assert.deepEqual([...sharedNames(files)], [['Twice', ['spec', 'wire']]]);
  });
});
