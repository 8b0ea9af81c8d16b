import { spawn } from 'node:child_process';
import { once } from 'node:events';
import process from 'node:process';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';

/** The cost of one run of a program. */
export interface Measure {
  /** Seconds. */
  readonly wall: number;
  /** Seconds of processor time of the program, including the kernel's work for it. */
  readonly cpu: number;
  /** The peak memory in bytes. */
  readonly rss: number;
}

export interface Measured extends Measure {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Every Debian has Perl, which can call `wait4`. That gives the exact cost of a program after its end. A reader of
 * /proc misses the end, and Node only knows its own cost.
 */
const waiter = `
use Time::HiRes; use POSIX ();
my $began = Time::HiRes::time();
my $child = fork();
if ($child == 0) { POSIX::close(3); exec { $ARGV[1] } @ARGV[1 .. $#ARGV]; POSIX::_exit(127); }
$SIG{TERM} = sub { kill 'KILL', $child };
my ($status, $usage) = (pack('i', 0), "\\0" x 256);
while (syscall($ARGV[0] + 0, $child, $status, 0, $usage) != $child) {}
my $wall = Time::HiRes::time() - $began;
my ($user, $userMicro, $system, $systemMicro, $rss) = unpack('q5', $usage);
my $code = unpack('i', $status);
open(my $out, '>&=', 3);
printf $out '{"wall":%.6f,"cpu":%.6f,"rss":%d,"code":%d}',
  $wall, $user + $system + ($userMicro + $systemMicro) / 1e6, $rss * 1024, $code & 127 ? 128 + ($code & 127) : $code >> 8;
`;

const wait4: Readonly<Record<string, number>> = { x64: 61, arm64: 260 };

export interface MeasureOptions {
  readonly env: NodeJS.ProcessEnv;
  /** Milliseconds until the program is killed. */
  readonly limit: number;
}

/** Runs a program to its end. The caller checks its result. */
export async function measured(
  command: readonly string[],
  { env, limit }: MeasureOptions,
): Promise<Measured> {
  const call = wait4[process.arch];
  if (process.platform !== 'linux' || call === undefined) {
    throw new Error('programs are measured on Linux, x64 and arm64');
  }
  const child = spawn('perl', ['-e', waiter, String(call), ...command], {
    env,
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    timeout: limit,
  });
  const [, stdout, stderr, figures] = child.stdio;
  if (stdout === null || stderr === null || !(figures instanceof Readable)) throw new Error('no pipes');
  const [out, error, told] = await Promise.all([
    text(stdout),
    text(stderr),
    text(figures),
    once(child, 'close'),
  ]);
  if (told === '') throw new Error(`${command.join(' ')} could not be measured: ${error}`);
  const taken: Measure & { readonly code: number } = JSON.parse(told);
  return { ...taken, stdout: out, stderr: error };
}
