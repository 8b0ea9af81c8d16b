export type {
  BlobOperation,
  CatalogOperation,
  ManifestOperation,
  MountOperation,
  Operation,
  OperationKind,
  PageQuery,
  PingOperation,
  PutManifestOperation,
  ReferrersOperation,
  SessionOperation,
  StartOperation,
  TagsOperation,
} from '../wire/operation.ts';
export { operationKinds } from '../wire/operation.ts';
export type { ContractFeatures } from './contract/case.ts';
export { type Open, registryContract, repositoryContract, type Without } from './contract.ts';
export {
  type Fault,
  type FaultCondition,
  type FaultEffect,
  type FaultPoint,
  type Faults,
  type FaultsOptions,
  withFaults,
} from './faults.ts';
export type { TestLogin } from './login.ts';
export type { RecordedRequest } from './recorded.ts';
export type { RegistryRequest } from './requests.ts';
export {
  type Listening,
  type StartRegistryOptions,
  startRegistry,
  type TestRegistry,
} from './start-registry.ts';
