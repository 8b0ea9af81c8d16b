import { type Expression, type ObjectProperty, type SpreadElement, Visitor } from 'oxc-parser';
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

/**
 * Lists the places where `undefined` can replace a value: a property that may be `undefined` by its own words, behind a
 * spread (`{ ...options, writes: cache ? false : undefined }`), and options spread over defaults without `given`, which
 * removes the absent ones.
 */
export function undefinedOverSpreads(sources: readonly Source[]): string[] {
  return sources.flatMap((source) => {
    const found: string[] = [];
    const visitor = new Visitor({
      ObjectExpression({ properties }) {
        const first = properties.findIndex(({ type }) => type === 'SpreadElement');
        if (first === -1) return;
        const overDefaults = isDefaults(properties[first]);
        for (const property of properties.slice(first + 1)) {
          if (!(mayBeUndefined(property) || (overDefaults && isPlainSpread(property)))) continue;
          found.push(`${source.path}:${source.text.slice(0, property.start).split('\n').length}`);
        }
      },
    });
    visitor.visit(parseSource(source).program);
    return found;
  });
}

type Property = ObjectProperty | SpreadElement;

function mayBeUndefined(property: Property): boolean {
  if (property.type !== 'Property' || property.value.type !== 'ConditionalExpression') return false;
  const { consequent, alternate } = property.value;
  return [consequent, alternate].some(
    (branch) => branch.type === 'Identifier' && branch.name === 'undefined',
  );
}

function isDefaults(property: Property | undefined): boolean {
  return property?.type === 'SpreadElement' && nameOf(property.argument).startsWith('default');
}

function isPlainSpread(property: Property): boolean {
  if (property.type !== 'SpreadElement') return false;
  return !(property.argument.type === 'CallExpression' && nameOf(property.argument.callee) === 'given');
}

function nameOf(node: Expression): string {
  return node.type === 'Identifier' ? node.name : '';
}
