import { arch, availableParallelism, cpus, release, totalmem, type } from 'node:os';
import process from 'node:process';
import { isInPath, run } from './support/programs.ts';

/** The programs that print their version, each with its arguments for that. */
const versions: Readonly<Record<string, readonly string[]>> = {
  crane: ['version'],
  oras: ['version'],
  skopeo: ['--version'],
  regctl: ['version'],
  'docker-registry': ['--version'],
};

/** Describes the machine and the versions of the measured programs in one paragraph. `nodes` are the files of more Nodes. */
export async function describeMachine(nodes: readonly string[] = []): Promise<string> {
  const gibibytes = (totalmem() / 1024 ** 3).toFixed(0);
  const told = await Promise.all(
    Object.entries(versions)
      .filter(([program]) => isInPath(program))
      .map(async ([program, args]) => {
        const { code, stdout, stderr } = await run(program, args);
        const version = /v?\d+\.\d+\.\d+\S*/.exec(stdout + stderr)?.[0];
        return code === 0 && version !== undefined ? `${program} ${version}` : program;
      }),
  );
  const others = await Promise.all(nodes.map(async (node) => (await run(node, ['--version'])).stdout.trim()));
  const machine = `${cpus()[0]?.model.trim()}, ${availableParallelism()} cores, ${gibibytes} GiB`;
  return `${machine}, ${type()} ${release()} ${arch()}, Node ${[process.version, ...others].join(' and ')}; ${told.join(', ')}.`;
}
