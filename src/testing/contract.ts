import { describe, it, type TestContext } from 'node:test';
import { callback, checkArgument, checkOptions, oneOf, type Shape, text } from '../spec/options.ts';
import type { Registry, Repository } from '../store/contract.ts';
import { blobCases } from './contract/blobs.ts';
import type { ContractCase, ContractFeatures } from './contract/case.ts';
import { listingCases } from './contract/listings.ts';
import { manifestCases } from './contract/manifests.ts';
import { registryCases } from './contract/registries.ts';
import { signalCases } from './contract/signals.ts';
import { uploadCases } from './contract/uploads.ts';

/** Opens a new place for one test. Close it with `test.after`. */
export type Open<Place> = (test: TestContext) => Place | Promise<Place>;

/**
 * Features that the place does not have. All others are expected. A test that is left out is reported as skipped, with
 * its reason.
 */
export type Without = { readonly [feature in keyof ContractFeatures]?: false };

const repositoryCases: readonly ContractCase<Repository>[] = [
  ...blobCases,
  ...uploadCases,
  ...manifestCases,
  ...listingCases,
  ...signalCases,
];

/**
 * Declares the tests that every Repository must pass. `open` returns an empty repository that can be written to and
 * deleted from.
 */
export function repositoryContract(name: string, open: Open<Repository>, without: Without = {}): void {
  checkContract('repositoryContract', name, open, without);
  describe(`${name} keeps the contract of a repository`, () => {
    declare(repositoryCases, open, without);
  });
}

/**
 * Declares the tests that every Registry must pass, including those of a Repository. `open` returns an empty registry.
 */
export function registryContract(name: string, open: Open<Registry>, without: Without = {}): void {
  checkContract('registryContract', name, open, without);
  const openOne = async (test: TestContext): Promise<Repository> => {
    const registry = await open(test);
    return registry.repository('acme/app', { actions: ['pull', 'push', 'delete'] });
  };
  repositoryContract(name, openOne, without);
  describe(`${name} keeps the contract of a registry`, () => {
    declare(registryCases, open, without);
  });
}

const features: Shape<ContractFeatures> = {
  checksBlobs: oneOf(false),
  deletes: oneOf(false),
  mounts: oneOf(false),
  mountsFromAny: oneOf(false),
  sha512: oneOf(false),
};

function checkContract(what: string, name: unknown, open: unknown, without: unknown): void {
  checkArgument(what, 'name', name, text);
  checkArgument(what, 'open', open, callback);
  checkOptions(what, without, features);
}

function declare<Place>(cases: readonly ContractCase<Place>[], open: Open<Place>, without: Without): void {
  for (const { name, needs, ...sentence } of cases) {
    const missing = needs !== undefined && without[needs] === false;
    it(name, missing ? { skip: `this place goes without ${needs}` } : {}, async (test) => {
      await sentence.run(await open(test));
    });
  }
}
