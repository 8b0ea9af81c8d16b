import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { Node } from 'oxc-parser';
import { measureApi, type PublicDeclaration, publicDeclarations } from '../../scripts/measures/api.ts';
import { entryPoints } from '../../scripts/measures/entry-points.ts';
import { projectRoot } from '../../scripts/project.ts';

const root = projectRoot();
const read = (path: string): string => readFileSync(join(root, 'dist', path), 'utf8');
const declarations = [...entryPoints(root).values()].flatMap((entry) => publicDeclarations(entry, read));

/** A parameter of a public function, or a member of a public type, in words. */
interface Named {
  readonly name: string;
  /** The type, on one line. Empty if there is none. */
  readonly type: string;
  readonly optional: boolean;
}

interface Callable {
  readonly name: string;
  readonly parameters: readonly Named[];
}

/** The members of an interface, or of each part of a union or an intersection. */
function membersOf(node: Node): readonly Node[] {
  switch (node.type) {
    case 'TSInterfaceDeclaration':
      return node.body.body;
    case 'TSTypeAliasDeclaration':
      return membersOf(node.typeAnnotation);
    case 'TSTypeLiteral':
      return node.members;
    case 'TSUnionType':
    case 'TSIntersectionType':
      return node.types.flatMap(membersOf);
    default:
      return [];
  }
}

function typeOf({ textOf }: PublicDeclaration, node: Node): string {
  if (!('typeAnnotation' in node) || !node.typeAnnotation) return '';
  return textOf(node.typeAnnotation).replace(/^:\s*/, '').replace(/\s+/g, ' ');
}

function parametersOf(declaration: PublicDeclaration, nodes: readonly Node[]): readonly Named[] {
  return nodes.map((node) => ({
    name: node.type === 'Identifier' ? node.name : declaration.textOf(node),
    type: typeOf(declaration, node),
    optional: 'optional' in node && node.optional === true,
  }));
}

/** The functions and methods of a declaration. */
function callablesOf(declaration: PublicDeclaration): readonly Callable[] {
  return declaration.nodes.flatMap((node) => {
    if (node.type === 'TSDeclareFunction')
      return [{ name: declaration.name, parameters: parametersOf(declaration, node.params) }];
    return membersOf(node).flatMap((member) =>
      member.type === 'TSMethodSignature'
        ? [
            {
              name: `${declaration.name}.${declaration.textOf(member.key)}`,
              parameters: parametersOf(declaration, member.params),
            },
          ]
        : [],
    );
  });
}

/** The optional properties of the public types that hold options. */
function optionsOf(declaration: PublicDeclaration): readonly Named[] {
  if (!/(?:Options|Settings)$/.test(declaration.name)) return [];
  return declaration.nodes.flatMap(membersOf).flatMap((member) =>
    member.type === 'TSPropertySignature' && member.optional
      ? [
          {
            name: `${declaration.name}.${declaration.textOf(member.key)}`,
            type: typeOf(declaration, member),
            optional: true,
          },
        ]
      : [],
  );
}

const callables = declarations.flatMap(callablesOf);
const verbs = new Map(
  callables.flatMap(({ name, parameters }) => {
    const [, verb] = /^\w+Verbs\.(\w+)$/.exec(name) ?? [];
    return verb === undefined ? [] : [[verb, parameters.map((one) => one.name)] as const];
  }),
);

describe('the public interface', () => {
  const api = measureApi([...entryPoints(root).values()], read);

  it('every type in a public signature is public', () => {
    assert.deepEqual(api.unexported, []);
  });

  it('every public name and member has a comment', () => {
    assert.deepEqual([...api.undocumented, ...api.undocumentedMembers], []);
  });
});

describe('the order of arguments', () => {
  it('options come last in every public function and method', () => {
    const wrong = callables.filter(({ parameters }) =>
      parameters.slice(0, -1).some(({ type }) => /(?:Options|Settings)$/.test(type)),
    );
    assert.deepEqual(
      wrong.map(({ name }) => name),
      [],
    );
    assert.ok(callables.length > 60, String(callables.length));
  });

  it('verbs of images that the program made name the destination first, as in go-containerregistry', () => {
    for (const [verb, made] of [
      ['pushImage', 'image'],
      ['pushIndex', 'index'],
      ['putManifest', 'manifest'],
      ['tag', 'tags'],
    ] as const) {
      assert.deepEqual(verbs.get(verb), ['reference', made, 'options'], verb);
    }
    assert.deepEqual(verbs.get('writeLayer'), ['options']);
  });

  it('verbs of the command line have its order: source first', () => {
    assert.deepEqual(verbs.get('copy'), ['source', 'destination', 'options']);
    assert.deepEqual(verbs.get('copyRepository'), ['source', 'destination', 'options']);
    assert.deepEqual(verbs.get('push'), ['path', 'reference', 'options']);
    assert.deepEqual(verbs.get('pull'), ['references', 'path', 'options']);
  });

  it('every other verb takes one thing, the rest of its name, and options', () => {
    const two = [...verbs].filter(([, names]) => names.filter((name) => name !== 'options').length > 1);
    assert.deepEqual(two.map(([verb]) => verb).sort(), [
      'blobExists',
      'checkLogin',
      'copy',
      'copyRepository',
      'diff',
      'edit',
      'editIndex',
      'editManifest',
      'pull',
      'push',
      'pushImage',
      'pushIndex',
      'putManifest',
      'readFile',
      'tag',
      'unpack',
    ]);
    assert.ok(verbs.size > 25, String(verbs.size));
  });
});

describe('the arguments of the client', () => {
  it('every place may be a string or parsed', () => {
    const places = callables
      .filter(({ name }) => /Verbs\./.test(name) && !name.endsWith('.copyRepository'))
      .flatMap(({ name, parameters }) => parameters.map((one) => ({ ...one, verb: name })))
      .filter(({ name }) => /^(?:place|subject|reference|references|source|destination)$/.test(name));
    assert.ok(places.length > 18, String(places.length));
    assert.deepEqual(
      places.filter(({ type }) => !type.includes('string | Place')).map(({ verb }) => verb),
      [],
    );
  });
});

/** Functions among the options that act and observe nothing: the sink of an archive, and one that opens connections. */
const actors = new Set(['CreateArchiveOptions.output', 'RemoteOptions.preconnect']);

describe('the options of public functions', () => {
  const options = declarations.flatMap(optionsOf);

  it('every option may be undefined, so that a program can pass on its own', () => {
    assert.ok(options.length > 100, String(options.length));
    assert.deepEqual(
      options.filter(({ type }) => !type.endsWith('| undefined')).map(({ name }) => name),
      [],
    );
  });

  it('a function that observes is an option with a name in on…', () => {
    const observers = options.filter(
      ({ name, type }) =>
        /=> (?:void|unknown|Promise<void>)\)?(?: \| undefined)?$|^\w+Observer(?: \| undefined)?$/.test(
          type,
        ) &&
        !actors.has(name) &&
        // An object that observes has methods, and its option is named `observer`.
        !name.endsWith('.observer'),
    );
    assert.ok(observers.length > 8, String(observers.length));
    assert.deepEqual(
      observers.map(({ name }) => name).filter((name) => !/\.on[A-Z]/.test(name)),
      [],
    );
  });
});
