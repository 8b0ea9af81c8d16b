import { registryContract } from '../testing/contract.ts';
import { createMemoryRegistry } from './registry.ts';

registryContract('memory', () => createMemoryRegistry());
