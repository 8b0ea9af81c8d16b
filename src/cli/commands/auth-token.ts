import type { Context } from '../context.ts';
import type { ParsedArgs } from '../parsed-args.ts';

/** `gantry auth token REPO` */
export async function authToken(context: Context, given: ParsedArgs): Promise<void> {
  const [repository = ''] = given.arguments;
  const client = await context.client();
  const answer = await client.token(repository, {
    push: given.flag('push'),
    mountFrom: given.list('mount'),
    signal: context.signal,
  });
  // Without a line feed, since it is used inside "$(...)".
  if (given.flag('header')) await context.output.write(`Authorization: Bearer ${answer.token}`);
  else await context.output.line(JSON.stringify(answer));
}
