import { type Expression, Visitor } from 'oxc-parser';
import { parseSource, type Source } from './sources.ts';

/**
 * Lists the conditional spreads of the sources (`...(x === undefined ? {} : { x })`, `...(x && { x })`), each with its
 * line. Options accept `undefined`, so only data needs them: text of JSON, headers, and results.
 */
export function conditionalSpreads(sources: readonly Source[]): string[] {
  return sources.flatMap((source) => {
    const found: string[] = [];
    const visitor = new Visitor({
      SpreadElement({ start, argument }) {
        if (!isConditional(argument.type === 'ParenthesizedExpression' ? argument.expression : argument))
          return;
        found.push(`${source.path}:${source.text.slice(0, start).split('\n').length}`);
      },
    });
    visitor.visit(parseSource(source).program);
    return found;
  });
}

function isConditional(node: Expression): boolean {
  if (node.type === 'LogicalExpression')
    return node.operator === '&&' && node.right.type === 'ObjectExpression';
  if (node.type !== 'ConditionalExpression') return false;
  return [node.consequent, node.alternate].some(
    (branch) => branch.type === 'ObjectExpression' && branch.properties.length === 0,
  );
}
