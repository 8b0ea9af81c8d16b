import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Exchange } from './exchange.ts';
import { createMetrics } from './metrics.ts';

const exchange: Exchange = {
  method: 'GET',
  target: '/v2/a/blobs/sha256:1',
  status: 200,
  whole: true,
  startedAt: new Date(0),
  duration: 30,
  received: 3,
  sent: 5,
  note: { operation: 'blob.get' },
};

function has(text: string, ...lines: readonly string[]): void {
  const all = text.split('\n');
  for (const line of lines) assert.ok(all.includes(line), `${line}\n${text}`);
}

describe('metrics', () => {
  it('count exchanges by what was asked and the class of the answer', () => {
    const metrics = createMetrics();
    for (const status of [200, 206, 404]) metrics.ended({ ...exchange, status });
    const { status: _, ...unanswered } = exchange;
    metrics.ended({ ...unanswered, whole: false });
    has(
      metrics.text(),
      'gantry_requests_total{operation="blob.get",status="2xx"} 2',
      'gantry_requests_total{operation="blob.get",status="4xx"} 1',
      'gantry_requests_total{operation="blob.get",status="none"} 1',
      'gantry_cut_requests_total 1',
      'gantry_received_bytes_total 12',
      'gantry_sent_bytes_total 20',
    );
  });

  it('the metrics have durations in buckets that add up', () => {
    const metrics = createMetrics();
    for (const duration of [0.5, 30, 90, 100_000]) metrics.ended({ ...exchange, duration });
    const name = 'gantry_request_duration_seconds';
    has(
      metrics.text(),
      `${name}_bucket{operation="blob.get",le="0.001"} 1`,
      `${name}_bucket{operation="blob.get",le="0.025"} 1`,
      `${name}_bucket{operation="blob.get",le="0.1"} 3`,
      `${name}_bucket{operation="blob.get",le="60"} 3`,
      `${name}_bucket{operation="blob.get",le="+Inf"} 4`,
      `${name}_count{operation="blob.get"} 4`,
      `${name}_sum{operation="blob.get"} 100.1205`,
    );
  });

  it('the metrics have no label that a client can invent', () => {
    const metrics = createMetrics();
    metrics.ended({ ...exchange, method: 'X"', target: '/v2/"}', note: { user: '"' } });
    has(metrics.text(), 'gantry_requests_total{operation="other",status="2xx"} 1');
  });

  it('show what is under way, and values that are read when they are asked for', () => {
    let value = 1;
    const metrics = createMetrics({ gauges: { answers: { help: 'So far.', value: () => value } } });
    metrics.started?.();
    metrics.started?.();
    metrics.ended(exchange);
    value = 42;
    has(
      metrics.text(),
      'gantry_running_requests 1',
      '# TYPE answers gauge',
      '# HELP answers So far.',
      'answers 42',
    );
  });
});
