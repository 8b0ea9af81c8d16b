import { Agent } from 'node:http';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { createMaker } from './content.ts';
import { pull, pushBlob, pushImage, type Stored, type Target, verify } from './operations.ts';
import { type Done, type Figures, type PhaseOptions, runPhase } from './phase.ts';

/**
 * Makes the load in a process of its own, so that its cost is the same for every server. Arguments: the server's URL,
 * clients, clients of large blobs, seconds of the mixed phase; each other phase takes a third of that. Each line of
 * stdin begins a phase, and a line of JSON on stdout ends it.
 */
const [base = '', ...settings] = process.argv.slice(2);
const [clients = 200, largeClients = 16, seconds = 10] = settings.map(Number);

const large = 100_000_000;
/** The bytes that one phase may push: memory and disk must hold them. A phase may pull more. */
const pushLimit = 4_000_000_000;

const target: Target = {
  base,
  agent: new Agent({ keepAlive: true, maxSockets: clients, noDelay: true }),
};
const make = createMaker(large);
const small: Stored[] = [];
const images: (readonly Stored[])[] = [];
const largeBlobs: Stored[] = [];

const between = (low: number, high: number): number => low + Math.floor(Math.random() * (high - low));
const smallSize = (): number => between(4000, 64_000);
const anyOf = <T>(all: readonly T[]): T => {
  const one = all[between(0, all.length)];
  if (one === undefined) throw new Error('nothing was pushed');
  return one;
};
/** Returns one of as many repositories as a busy team has. */
const repository = (): string => `load/app-${between(0, 50)}`;
const done = (requests: number, stored: readonly Stored[]): Done => ({
  requests,
  bytes: stored.reduce((sum, { size }) => sum + size, 0),
});

async function pushOne(into: Stored[], size: number): Promise<Done> {
  const stored = await pushBlob(target, repository(), make(size));
  into.push(stored);
  return done(2, [stored]);
}

async function pullOne(from: readonly Stored[]): Promise<Done> {
  const stored = anyOf(from);
  await pull(target, stored);
  return done(1, [stored]);
}

/** Pushes or pulls an image. One of fifty has a layer of 5 MB. */
async function moveImage(): Promise<Done> {
  if (images.length < 20 || Math.random() < 0.5) {
    const layer = Math.random() < 0.02 ? 5_000_000 : smallSize();
    const blobs = [make(between(1000, 4000)), make(smallSize()), make(layer)];
    const stored = await pushImage(target, {
      repository: repository(),
      tag: `v${images.length}-${between(0, 1e9)}`,
      blobs,
    });
    images.push(stored);
    return done(7, stored);
  }
  const image = anyOf(images);
  await Promise.all(image.map((part) => pull(target, part)));
  return done(image.length, image);
}

/** Reads and hashes all acknowledged content. Only the errors in the figures matter. */
async function verifyAll(): Promise<Figures> {
  const all = [...small, ...images.flat(), ...largeBlobs];
  let next = 0;
  return runPhase(
    { phase: 'verify', clients: largeClients, seconds: Infinity, limit: Infinity },
    async () => {
      const one = all[next++];
      if (one === undefined) return undefined;
      await verify(target, one);
      return done(1, [one]);
    },
  );
}

const phases: Readonly<Record<string, () => Promise<Figures>>> = {
  'push small': () => phase('push small', { limit: pushLimit }, () => pushOne(small, smallSize())),
  'pull small': () => phase('pull small', {}, () => pullOne(small)),
  'push large': () =>
    phase('push large', { clients: largeClients, limit: pushLimit }, () => pushOne(largeBlobs, large)),
  'pull large': () => phase('pull large', { clients: largeClients }, () => pullOne(largeBlobs)),
  'mixed images': () => phase('mixed images', { seconds, limit: pushLimit }, moveImage),
  verify: verifyAll,
};

function phase(name: string, options: Partial<PhaseOptions>, operate: () => Promise<Done>): Promise<Figures> {
  return runPhase({ phase: name, clients, seconds: seconds / 3, limit: Infinity, ...options }, operate);
}

for await (const name of createInterface({ input: process.stdin })) {
  const figures = await phases[name]?.();
  process.stdout.write(`${JSON.stringify(figures)}\n`);
}
target.agent.destroy();
