import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { Transform } from 'node:stream';
import { findSecret, longestForm, withoutSecrets } from '../secret.ts';
import { excuse } from './exceptions.ts';
import { type Finding, findingsVariable, readRecords, type Searched } from './finding.ts';

/** The search of a whole run for the secrets of its tests. */
export interface Search {
  /** Forwards the run's own report and searches it. */
  readonly report: Transform;
  /** Ends the search. Returns a line for each place that shows a secret, and a line with the searched amounts. */
  end(): { readonly leaks: readonly string[]; readonly searched: string };
}

/** Searches every process that starts from now on: each loads `watch.ts` first. */
export function startSearch(): Search {
  const folder = mkdtempSync(join(tmpdir(), 'gantry-findings-'));
  process.env[findingsVariable] = folder;
  const watch = new URL('./watch.js', import.meta.url).href;
  process.env['NODE_OPTIONS'] = `${process.env['NODE_OPTIONS'] ?? ''} --import ${watch}`.trim();
  const own: Finding[] = [];
  let before = '';
  const report = new Transform({
    transform(chunk, _, done) {
      const text = `${before}${chunk}`;
      const at = findSecret(text);
      if (at >= 0) {
        const shown = withoutSecrets(text.slice(Math.max(0, at - 200), at + 200));
        own.push({ where: 'report', file: 'the report', shown });
      }
      before = at >= 0 ? '' : text.slice(-longestForm);
      done(null, chunk);
    },
  });
  return {
    report,
    end() {
      const records = readRecords(folder);
      rmSync(folder, { recursive: true });
      const found = [...own, ...records.flatMap(({ finding }) => finding ?? [])];
      const leaks = found.filter((finding) => excuse(finding) === undefined).map(describe);
      return { leaks: [...new Set(leaks)], searched: sumOf(records.map(({ searched = {} }) => searched)) };
    },
  };
}

function describe({ where, file, command, shown }: Finding): string {
  const whose = command === undefined ? '' : ` of ${command}`;
  return `a secret in the ${where}${whose} (${basename(file)}): ${JSON.stringify(shown)}`;
}

function sumOf(parts: readonly Searched[]): string {
  const total = new Map<string, number>();
  for (const part of parts) {
    for (const [where, count] of Object.entries(part)) total.set(where, (total.get(where) ?? 0) + count);
  }
  return [...total].map(([where, count]) => `${count} × ${where}`).join(', ');
}
