import { type Node, Visitor } from 'oxc-parser';
import { parseSource, type Source } from './sources.ts';

export interface MeasuredFunction {
  readonly path: string;
  /** `anonymous` when neither the function nor the thing that it is assigned to has a name. */
  readonly name: string;
  /** From the first line of the function to its last one, closures included. */
  readonly lines: number;
}

/** Measures every function and method, the longest first. */
export function functionsOf(sources: readonly Source[]): MeasuredFunction[] {
  return sources.flatMap(functionsIn).sort((a, b) => b.lines - a.lines);
}

function functionsIn(source: Source): MeasuredFunction[] {
  const names = new Map<Node, string>();
  const found: MeasuredFunction[] = [];
  const text = ({ start, end }: Node): string => source.text.slice(start, end);
  const add = (node: Node, own?: Node | null): void => {
    const name = own ? text(own) : (names.get(node) ?? 'anonymous');
    found.push({ path: source.path, name, lines: text(node).split('\n').length });
  };
  const visitor = new Visitor({
    VariableDeclarator: ({ id, init }) => void (init && names.set(init, text(id))),
    Property: ({ key, value }) => void names.set(value, text(key)),
    PropertyDefinition: ({ key, value }) => void (value && names.set(value, text(key))),
    MethodDefinition: ({ key, value }) => void names.set(value, text(key)),
    FunctionDeclaration: (node) => add(node, node.id),
    FunctionExpression: (node) => add(node, node.id),
    ArrowFunctionExpression: (node) => add(node),
  });
  visitor.visit(parseSource(source).program);
  return found;
}
