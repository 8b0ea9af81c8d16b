import { InputError } from '../errors.ts';
import { nearest } from '../spec/near.ts';
import {
  amount,
  type Check,
  checkArgument,
  checkOptions,
  count,
  either,
  flag,
  list,
  object,
  oneOf,
  optionsOf,
  type Shape,
  text,
} from '../spec/options.ts';
import { isOperationKind, operationKinds } from '../wire/operation.ts';

const point = { of: oneOf('request', 'answer'), after: amount };
const effects: Readonly<Record<string, Check>> = {
  latency: amount,
  status: count,
  headers: object,
  body: either('text or bytes', text, object),
  cut: optionsOf<Given>(point),
  stall: optionsOf<Given>(point),
};
const conditions: Readonly<Record<string, Check>> = {
  operation: (value, name) => {
    for (const kind of [value].flat()) checkKind(kind, name);
  },
  repository: text,
  method: text,
  path: either('a path or a pattern', text, object),
};
const fault: Readonly<Record<string, Check>> = {
  when: unlessFunction(conditions),
  effect: unlessFunction(effects),
  times: either(
    'a whole number from 1, "always" or { every }',
    count,
    oneOf('always'),
    optionsOf<Given>({ every: count }),
  ),
  optional: flag,
};

type Given = Readonly<Record<string, unknown>>;

function unlessFunction(shape: Shape<Given>): Check {
  return (value, name) => (typeof value === 'function' ? undefined : optionsOf(shape)(value, name));
}

/** Checks the shapes of scripted faults: a misspelled fault would never strike or do nothing. Throws INVALID_OPTION. */
export function checkFaults(faults: readonly unknown[]): void {
  checkArgument('withFaults', 'faults', faults, list);
  for (const [at, one] of faults.entries()) checkOptions<Given>(`faults[${at}]`, one, fault, ['effect']);
}

function checkKind(kind: unknown, name: string): void {
  if (typeof kind === 'string' && isOperationKind(kind)) return;
  const near = typeof kind === 'string' ? nearest(kind, operationKinds) : undefined;
  const hint = near === undefined ? `there are ${operationKinds.join(', ')}` : `did you mean "${near}"?`;
  throw new InputError('INVALID_OPTION', `${name} takes a kind of operation: ${hint}`);
}
