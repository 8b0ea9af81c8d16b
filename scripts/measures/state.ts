import { type Expression, type Node, type VariableDeclaration, Visitor } from 'oxc-parser';
import { parseSource, type Source } from './sources.ts';

/** Methods that change the object they are called on. */
const changing: ReadonlySet<string> = new Set([
  'add',
  'clear',
  'copyWithin',
  'delete',
  'fill',
  'pop',
  'push',
  'reverse',
  'set',
  'shift',
  'sort',
  'splice',
  'unshift',
]);

/** Classes whose objects nothing changes, except by a method of `changing`. */
const constant: ReadonlySet<string> = new Set([
  'DOMException',
  'Error',
  'RegExp',
  'TextDecoder',
  'TextEncoder',
  'URL',
  'URLSearchParams',
  'Uint8Array',
]);

/**
 * Lists the variables of a module that may hold state: `let`, objects made by a class or by a function `create…`, and
 * every constant that the module changes. A filled `Set` or `Map` that nothing changes is a table, and no state.
 */
export function stateOf(source: Source): string[] {
  const { program } = parseSource(source);
  const changed = changedIn(program);
  return program.body
    .map((statement) => (statement.type === 'ExportNamedDeclaration' ? statement.declaration : statement))
    .filter((statement): statement is VariableDeclaration => statement?.type === 'VariableDeclaration')
    .flatMap(({ kind, declarations }) =>
      declarations.flatMap(({ id, init }) => {
        if (id.type !== 'Identifier') return [];
        return kind !== 'const' || changed.has(id.name) || isMade(init) ? [id.name] : [];
      }),
    );
}

function isMade(init: Expression | null): boolean {
  if (init === null) return false;
  const callee = init.type === 'NewExpression' || init.type === 'CallExpression' ? init.callee : undefined;
  const name = callee?.type === 'Identifier' ? callee.name : undefined;
  if (init.type === 'CallExpression') return name?.startsWith('create') === true;
  if (init.type !== 'NewExpression' || name === undefined || constant.has(name)) return false;
  return !/^(?:Map|Set)$/.test(name) || init.arguments.length === 0;
}

/** Returns the names at the root of everything that is assigned to, deleted, or changed by a method. */
function changedIn(program: Node & Parameters<Visitor['visit']>[0]): ReadonlySet<string> {
  const found = new Set<string>();
  const note = (node: Node): void => {
    if (node.type === 'MemberExpression') note(node.object);
    else if (node.type === 'Identifier') found.add(node.name);
  };
  // A constant itself is never assigned to, only its members.
  const noteMember = (node: Node): void => void (node.type === 'MemberExpression' && note(node));
  const visitor = new Visitor({
    AssignmentExpression: ({ left }) => noteMember(left),
    UpdateExpression: ({ argument }) => noteMember(argument),
    UnaryExpression: ({ operator, argument }) => void (operator === 'delete' && noteMember(argument)),
    CallExpression({ callee }) {
      if (callee.type !== 'MemberExpression' || callee.property.type !== 'Identifier') return;
      if (changing.has(callee.property.name)) note(callee.object);
    },
  });
  visitor.visit(program);
  return found;
}
