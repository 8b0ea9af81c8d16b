/** `*` is anything within one component of a name, `**` anything at all. */
type Step = { readonly kind: 'any' | 'component' } | { readonly kind: 'text'; readonly character: string };

/** Whether the text can be a pattern of repository names. */
export function isPattern(text: string): boolean {
  return text.length <= 255 && /^[a-z0-9._/*-]+$/.test(text) && !text.includes('***');
}

/**
 * Whether a repository's name matches: `team/*` has `team/app` and not `team/app/web`, `team/**` has both, and neither
 * has `team`. Takes as long as name and pattern are long, whatever stars there are.
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

/** With the states that are reached by leaving a star out. */
function closure(states: Set<number>, steps: readonly Step[]): Set<number> {
  for (const at of states) {
    const step = steps[at];
    if (step !== undefined && step.kind !== 'text') states.add(at + 1);
  }
  return states;
}
