import { checkOptions, object } from '../spec/options.ts';
import type { Exchange, ExchangeObserver } from './exchange.ts';

/** Counters of a server, in the text format of Prometheus. */
export interface Metrics extends ExchangeObserver {
  /** Returns the current values. @see https://prometheus.io/docs/instrumenting/exposition_formats/ */
  text(): string;
}

/** Options of `createMetrics`. */
export interface MetricsOptions {
  /** Additional gauges by name. Each value is read when the metrics are requested. */
  readonly gauges?:
    | Readonly<Record<string, { readonly help: string; readonly value: () => number }>>
    | undefined;
}

/** Upper bounds in seconds: a lookup, a small answer, a layer, a large layer on a slow connection. */
const bounds = [0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10, 60];

interface Durations {
  readonly buckets: number[];
  count: number;
  sum: number;
}

/**
 * Creates the counters. Their labels are kinds of operations and classes of statuses only, so clients cannot create
 * more of them.
 */
export function createMetrics(options: MetricsOptions = {}): Metrics {
  checkOptions('createMetrics', options, { gauges: object });
  const { gauges = {} } = options;
  const requests = new Map<string, number>();
  const durations = new Map<string, Durations>();
  const sums = { running: 0, received: 0, sent: 0, cut: 0 };

  const ended = ({ note, status, duration, received, sent, whole }: Exchange): void => {
    sums.running--;
    sums.received += received;
    sums.sent += sent;
    if (!whole) sums.cut++;
    const { operation = 'other' } = note;
    const labels = `operation="${operation}",status="${statusClass(status)}"`;
    requests.set(labels, (requests.get(labels) ?? 0) + 1);
    const seen = durations.get(operation) ?? { buckets: bounds.map(() => 0), count: 0, sum: 0 };
    durations.set(operation, seen);
    count(seen, duration / 1000);
  };

  return {
    started: () => void sums.running++,
    ended,
    text() {
      const lines = [
        ...head('gantry_requests_total', 'counter', 'Ended exchanges.'),
        ...Array.from(requests, ([labels, value]) => `gantry_requests_total{${labels}} ${value}`),
        ...head(
          'gantry_request_duration_seconds',
          'histogram',
          'Seconds from the first line of a request to the last byte of its response.',
        ),
        ...Array.from(durations).flatMap(([operation, seen]) => histogram(operation, seen)),
        ...single('gantry_received_bytes_total', 'counter', 'Bytes of request bodies.', sums.received),
        ...single('gantry_sent_bytes_total', 'counter', 'Bytes of response bodies.', sums.sent),
        ...single(
          'gantry_cut_requests_total',
          'counter',
          'Exchanges that broke off before their end.',
          sums.cut,
        ),
        ...single('gantry_running_requests', 'gauge', 'Exchanges in progress.', sums.running),
        ...Object.entries(gauges).flatMap(([name, { help, value }]) => single(name, 'gauge', help, value())),
      ];
      return `${lines.join('\n')}\n`;
    },
  };
}

function statusClass(status: number | undefined): string {
  return status === undefined ? 'none' : `${Math.floor(status / 100)}xx`;
}

function count(seen: Durations, seconds: number): void {
  seen.count++;
  seen.sum += seconds;
  const at = bounds.findIndex((bound) => seconds <= bound);
  if (at >= 0) seen.buckets[at] = (seen.buckets[at] ?? 0) + 1;
}

function histogram(operation: string, { buckets, count, sum }: Durations): readonly string[] {
  const name = 'gantry_request_duration_seconds';
  const label = `operation="${operation}"`;
  let below = 0;
  const lines = buckets.map((value, at) => {
    below += value;
    return `${name}_bucket{${label},le="${bounds[at]}"} ${below}`;
  });
  return [
    ...lines,
    `${name}_bucket{${label},le="+Inf"} ${count}`,
    `${name}_sum{${label}} ${sum}`,
    `${name}_count{${label}} ${count}`,
  ];
}

function single(name: string, type: string, help: string, value: number): readonly string[] {
  return [...head(name, type, help), `${name} ${value}`];
}

function head(name: string, type: string, help: string): readonly string[] {
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`];
}
