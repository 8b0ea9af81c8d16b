import type { Context } from '../context.ts';
import { Failed } from '../exit.ts';
import type { Given } from '../given.ts';
import { shortened } from '../output.ts';
import { formatBytes } from '../units.ts';

/** `gantry registry check DIR`: reads the whole store, and fails if anything in it is not what it should be. */
export async function registryCheck(context: Context, given: Given): Promise<void> {
  const [folder = ''] = given.arguments;
  const { checkStore } = await import('../../disk/check.ts');
  const report = await checkStore(folder, { sparse: given.flag('sparse'), signal: context.signal });
  if (context.json) await context.result(report);
  else {
    for (const { kind, repository, subject, problem } of report.findings) {
      const where = repository === undefined ? subject : `${repository} ${subject}`;
      await context.output.line(shortened(`${kind}: ${where}: ${problem}`));
    }
    const { repositories, manifests, tags, blobs, bytes, findings } = report;
    context.output.note(
      `${repositories} repositories, ${manifests} manifests, ${tags} tags, ${blobs} blobs of ${formatBytes(bytes)}: ` +
        (findings.length === 0 ? 'all is well' : `${findings.length} findings`),
    );
  }
  if (report.findings.length > 0) throw new Failed();
}
