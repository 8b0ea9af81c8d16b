export { type Open, registryContract, repositoryContract, type Without } from './contract.ts';
export { type Fault, type FaultCondition, type FaultEffect, type FaultPoint, withFaults } from './faults.ts';
export type { TestLogin } from './login.ts';
export type { RecordedRequest, RegistryRequest } from './requests.ts';
export { type StartRegistryOptions, startRegistry, type TestRegistry } from './start-registry.ts';
