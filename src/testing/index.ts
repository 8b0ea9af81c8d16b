export { type Open, registryContract, repositoryContract, type Without } from './contract.ts';
export { type StartRegistryOptions, startRegistry, type TestRegistry } from './start-registry.ts';
