import type { AppOptions } from '../../server/app.ts';
import { type Exchange, type ExchangeObserver, observers, type Serve } from '../../server/exchange.ts';
import { withHealth } from '../../server/health.ts';
import { formatExchange } from '../../server/log.ts';
import { createMetrics } from '../../server/metrics.ts';
import { createSessions } from '../../server/sessions.ts';
import type { Context } from '../context.ts';
import { errorLine } from '../failure.ts';
import { openLogFile } from './log-file.ts';
import type { ServeOperation } from './operation.ts';

/** The log, the metrics and the limits around a registry. */
export interface Operated extends AsyncDisposable {
  readonly app: Pick<AppOptions, 'writes' | 'deletes' | 'limits' | 'sessions'>;
  readonly observer: ExchangeObserver;
  around(app: Serve): Serve;
}

/** Opens the log and the metrics of a registry. Disposing closes the log and stops the timers. */
export async function operate(operation: ServeOperation, { output }: Context): Promise<Operated> {
  const sessions = createSessions(operation.app.limits);
  const metrics = createMetrics({
    gauges: {
      gantry_upload_sessions: { help: 'Open uploads.', value: sessions.count },
      process_resident_memory_bytes: { help: 'Resident memory.', value: () => process.memoryUsage.rss() },
      process_start_time_seconds: { help: 'Since 1970.', value: () => performance.timeOrigin / 1000 },
    },
  });
  const onProblem = (error: unknown): void => output.note(errorLine(error), 'warning');
  const log = operation.log === undefined ? undefined : await openLogFile(operation.log, { onProblem });
  const onHangUp = (): void => void log?.reopen();
  // Without a listener the signal ends the process. A registry without a log needs none.
  if (log !== undefined) process.on('SIGHUP', onHangUp);
  return {
    app: { ...operation.app, sessions },
    observer: observers([
      ...(operation.metrics ? [metrics] : []),
      ...(log === undefined ? [] : [{ ended: (exchange: Exchange) => log.write(formatExchange(exchange)) }]),
    ]),
    around: (app) => withHealth(app, operation.metrics ? { metrics } : {}),
    async [Symbol.asyncDispose]() {
      sessions.close();
      process.off('SIGHUP', onHangUp);
      await log?.[Symbol.asyncDispose]();
    },
  };
}
