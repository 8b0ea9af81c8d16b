import type { CheckCounts } from '../../disk/check.ts';
import type { Context } from '../context.ts';
import { Failed } from '../exit.ts';
import { shortened } from '../output.ts';
import type { ParsedArgs } from '../parsed-args.ts';
import { formatBytes } from '../units.ts';

/** Milliseconds between two progress messages. */
const interval = 10_000;

/** `gantry registry check DIR`: reads the whole store and fails if it finds a fault. */
export async function registryCheck(context: Context, given: ParsedArgs): Promise<void> {
  const [folder = ''] = given.arguments;
  const { checkStore } = await import('../../disk/check.ts');
  let counts: CheckCounts | undefined;
  const telling = setInterval(() => {
    if (counts !== undefined) context.output.note(`${countsLine(counts)} so far`);
  }, interval);
  const onProgress = (now: CheckCounts): void => {
    counts = now;
  };
  const options = { sparse: given.flag('sparse'), onProgress, signal: context.signal };
  const report = await checkStore(folder, options).finally(() => clearInterval(telling));
  if (context.json) await context.result(report);
  else {
    for (const { kind, repository, subject, problem } of report.findings) {
      const where = repository === undefined ? subject : `${repository} ${subject}`;
      await context.output.line(shortened(`${kind}: ${where}: ${problem}`));
    }
    const { findings } = report;
    const verdict = findings.length === 0 ? 'no problems found' : `${findings.length} findings`;
    context.output.note(`${countsLine(report)}: ${verdict}`);
  }
  if (report.findings.length > 0) throw new Failed();
}

function countsLine({ repositories, manifests, tags, blobs, bytes }: CheckCounts): string {
  return `${repositories} repositories, ${manifests} manifests, ${tags} tags, ${blobs} blobs of ${formatBytes(bytes)}`;
}
