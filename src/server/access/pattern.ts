/** `*` matches within one component of a name, `**` matches across components. */
type Step = { readonly kind: 'any' | 'component' } | { readonly kind: 'text'; readonly character: string };

/** Returns whether the text is a valid pattern of repository names. */
export function isPattern(text: string): boolean {
  return text.length <= 255 && /^[a-z0-9._/*-]+$/.test(text) && !text.includes('***');
}

/**
 * Returns a matcher for repository names: `team/*` matches `team/app` and not `team/app/web`, `team/**` matches both,
 * and neither matches `team`. The time is proportional to the lengths of name and pattern, for any number of stars.
 */
export function createPattern(text: string): (repository: string) => boolean {
  const steps = parseSteps(text);
  return (repository) => {
    let states = closure(new Set([0]), steps);
    for (const character of repository) {
      const next = new Set<number>();
      for (const at of states) {
        const step = steps[at];
        if (step === undefined) continue;
        if (step.kind === 'text') {
          if (step.character === character) next.add(at + 1);
        } else if (step.kind === 'any' || character !== '/') {
          next.add(at);
        }
      }
      states = closure(next, steps);
    }
    return states.has(steps.length);
  };
}

function parseSteps(text: string): readonly Step[] {
  return Array.from(text.matchAll(/\*\*|\*|[^*]/g), ([part]) => {
    if (part === '**') return { kind: 'any' };
    return part === '*' ? { kind: 'component' } : { kind: 'text', character: part };
  });
}

/** Adds the states that follow when a star matches nothing. */
function closure(states: Set<number>, steps: readonly Step[]): Set<number> {
  for (const at of states) {
    const step = steps[at];
    if (step !== undefined && step.kind !== 'text') states.add(at + 1);
  }
  return states;
}
