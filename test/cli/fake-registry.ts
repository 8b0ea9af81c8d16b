import { createServer, type RequestListener } from 'node:http';
import type { TestContext } from 'node:test';
import { listening } from '../listening.ts';

/**
 * Starts a server with any behaviour on a free port for the length of a test. Returns `localhost:40000`, the first part
 * of a reference.
 */
export async function fakeRegistry(test: TestContext, answer: RequestListener): Promise<string> {
  return `127.0.0.1:${await listening(test, createServer(answer))}`;
}
