export { type DiskRegistry, type OpenDiskOptions, openDiskRegistry } from '../disk/registry.ts';
export { createMemoryRegistry } from '../memory/registry.ts';
export {
  createPullThrough,
  type PullThrough,
  type PullThroughOptions,
} from '../pull-through/registry.ts';
export type { UpstreamFailure } from '../pull-through/upstream.ts';
export type { Registry } from '../store/contract.ts';
export type { Clock } from '../time/clock.ts';
export type { HttpRequest, HttpResponse, Send } from '../wire/message.ts';
export { type Access, type AccessOptions, createAccess, type Entrance } from './access/access.ts';
export { openHtpasswd } from './access/htpasswd.ts';
export type { ReadingOptions } from './access/reading.ts';
export type { Right, Rule, RuleSource } from './access/rules.ts';
export { openRules } from './access/rules-file.ts';
export type { User, UserDirectory } from './access/user-directory.ts';
export { type AppOptions, createApp } from './app.ts';
export type { Exchange, ExchangeObserver, Note, Serve, ServedResponse } from './exchange.ts';
export { type HealthOptions, withHealth } from './health.ts';
export { type HostOptions, type NameOptions, withHosts } from './host-header.ts';
export { defaultLimits, type Limits } from './limits.ts';
export { formatExchange } from './log.ts';
export type { MethodPolicyOptions } from './method-policy.ts';
export { createMetrics, type Metrics, type MetricsOptions } from './metrics.ts';
export { type Listener, type ListenOptions, listen } from './node/listen.ts';
export type { TlsIdentity } from './node/tls.ts';
export { withOrigins } from './origins.ts';
export type { UploadOwner } from './session-book.ts';
export {
  type BeginOptions,
  createSessions,
  type SessionLimits,
  type SessionRequest,
  type Sessions,
} from './sessions.ts';
export type { WatchedBody } from './watched-body.ts';
