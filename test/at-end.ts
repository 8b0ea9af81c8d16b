type Action = () => unknown;

/** The part of a test that this module needs. */
export interface Ending {
  after(action: () => void | Promise<void>): void;
}

const stacks = new WeakMap<Ending, Action[]>();

/**
 * Runs an action at the end of a test. The last action runs first: a server ends before the disk under it is unmounted.
 * Every action runs, even after one that failed, so that nothing outlives the failure of another. `after` of node:test
 * runs the first action first and stops at a failure.
 */
export function atEnd(test: Ending, action: Action): void {
  const stack = stacks.get(test);
  if (stack !== undefined) {
    stack.push(action);
    return;
  }
  const actions = [action];
  stacks.set(test, actions);
  test.after(() => runBackwards(actions));
}

async function runBackwards(actions: Action[]): Promise<void> {
  const errors: unknown[] = [];
  for (let action = actions.pop(); action !== undefined; action = actions.pop()) {
    try {
      await action();
    } catch (error) {
      errors.push(error);
    }
  }
  if (errors.length === 1) throw errors[0];
  if (errors.length > 1) throw new AggregateError(errors, 'several actions at the end of the test failed');
}
