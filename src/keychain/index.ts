export type { Credential, Keychain } from './credential.ts';
export { createKeychain, type KeychainOptions } from './keychain.ts';
export { type Login, listLogins } from './logins.ts';
export { eraseCredential, type StoreOptions, type StoreOutcome, storeCredential } from './store.ts';
