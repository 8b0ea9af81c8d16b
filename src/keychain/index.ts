export type { AnswerOptions } from './answers.ts';
export type { ConfigFileOptions } from './config-file.ts';
export type { Credential, ExpiringCredential, Keychain, KeychainQuestion } from './credential.ts';
export type { HelperOptions } from './credential-helper.ts';
export { firstOf } from './first-of.ts';
export { createKeychain, type KeychainOptions } from './keychain.ts';
export { type Login, listLogins } from './logins.ts';
export { eraseCredential, type StoreOptions, type StoreOutcome, storeCredential } from './store.ts';
