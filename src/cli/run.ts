import type { CompletionLevel } from './completion-tree.ts';
import { exit, exitCode, Failed } from './exit.ts';
import { causeLines, errorLine } from './failure.ts';
import { createOutput, type Output, OutputClosed, writeFailure } from './output.ts';
import { type Invocation, parseCommandLine } from './program.ts';
import { watchSignals } from './signals.ts';
import { watchUnsettled } from './unsettled.ts';

/** Runs one command line and returns its exit code. Prints an error as one line. Never rejects. */
export async function run(argv: readonly string[]): Promise<number> {
  const output = createOutput(process);
  const interruption = watchSignals();
  const settled = watchUnsettled(output, (reason) => interruption.abandon(reason));
  let verbose = false;
  const onBug = (error: unknown): void => process.exit(report(error, output, verbose));
  // An error that no command awaits must not print a stack trace either.
  process.on('uncaughtException', onBug);
  try {
    const invocation = parseCommandLine(argv);
    if (invocation.kind === 'help') {
      await output.write(invocation.text);
      return exit.ok;
    }
    verbose = invocation.globals.flag('verbose');
    await execute(invocation, output, interruption.signal);
    return interruption.exitCode() ?? exit.ok;
  } catch (error) {
    return interruption.exitCode() ?? report(error, output, verbose);
  } finally {
    interruption.stop();
    settled();
    process.off('uncaughtException', onBug);
  }
}

/** Reports a result that could not be written to stdout, and returns the exit code. */
export function reportUnwritten(error: Error): number {
  return report(writeFailure(error), createOutput(process), false);
}

async function execute(
  { command, given, globals }: Extract<Invocation, { kind: 'run' }>,
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  const { createContext } = await import('./context.ts');
  const named = async (): Promise<readonly string[]> =>
    (await import('./named.ts')).namedRegistries(command, given);
  await using context = createContext({ globals, given, named, output, signal, completionLevels });
  const run = await command.load();
  await run(context, given);
}

function report(error: unknown, output: Output, verbose: boolean): number {
  if (error instanceof OutputClosed) return exit.ok;
  if (error instanceof Failed) return error.code;
  output.note(`gantry: ${errorLine(error)}`, 'error');
  if (verbose) for (const line of causeLines(error)) output.note(`  ${line}`, 'dim');
  return exitCode(error);
}

async function completionLevels(options: {
  readonly descriptions: boolean;
}): Promise<readonly CompletionLevel[]> {
  return (await import('./completion-levels.ts')).completionLevels(options);
}
