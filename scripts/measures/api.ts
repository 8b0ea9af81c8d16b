import type { Node, ParseResult, Statement } from 'oxc-parser';
import { Visitor } from 'oxc-parser';
import { fileOf } from './imports.ts';
import { parseSource, type Source } from './sources.ts';

/** A name that an entry point exports, or one of its members, in the form `client/client.d.ts: Client.close`. */
export type PublicName = string;

export interface PublicApi {
  readonly symbols: readonly PublicName[];
  readonly undocumented: readonly PublicName[];
  readonly members: readonly PublicName[];
  readonly undocumentedMembers: readonly PublicName[];
  /** Types in public signatures that no entry point exports. */
  readonly unexported: readonly PublicName[];
}

interface Declaration {
  readonly file: string;
  readonly name: string;
  /** All statements that declare the name, such as the overloads of a function, with the `export` before each. */
  readonly statements: readonly Statement[];
}

interface Module {
  readonly source: Source;
  readonly parsed: ParseResult;
}

/**
 * Measures the public interface by the declarations that the compiler emits.
 * @param read returns the file of declarations with this path, such as `src/index.d.ts`
 */
export function measureApi(entries: readonly string[], read: (path: string) => string): PublicApi {
  const resolver = createResolver(read);
  const symbols = new Map<string, Declaration>();
  for (const entry of entries) {
    for (const declaration of resolver.exportsOf(entry)) symbols.set(nameOf(declaration), declaration);
  }
  const members = [...symbols.values()].flatMap((declaration) => membersOf(declaration, resolver));
  return {
    symbols: [...symbols.keys()].sort(),
    undocumented: [...symbols]
      .filter(
        ([, declaration]) => !declaration.statements.some((node) => resolver.isDocumented(declaration, node)),
      )
      .map(([name]) => name)
      .sort(),
    members: members.map(({ name }) => name),
    undocumentedMembers: members.filter(({ documented }) => !documented).map(({ name }) => name),
    unexported: unexportedTypes(symbols, resolver),
  };
}

/** A public name with its declarations in the emitted types. */
export interface PublicDeclaration {
  readonly name: string;
  /** The declarations, without the `export` before them: several for the overloads of a function. */
  readonly nodes: readonly Node[];
  /** Returns the text of a node, without comments. */
  readonly textOf: (node: Node) => string;
}

/**
 * Lists the public names of one entry point, sorted by name.
 * @param read returns the file of declarations with this path, such as `src/index.d.ts`
 */
export function publicDeclarations(
  entry: string,
  read: (path: string) => string,
): readonly PublicDeclaration[] {
  const resolver = createResolver(read);
  const found = new Map(
    resolver.exportsOf(entry).map((declaration) => [declaration.name, declaration] as const),
  );
  return [...found.values()]
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map((declaration) => ({
      name: declaration.name,
      nodes: declaration.statements.map((statement) =>
        statement.type === 'ExportNamedDeclaration' ? (statement.declaration ?? statement) : statement,
      ),
      textOf: (node) => resolver.bareText(declaration, node),
    }));
}

function nameOf({ file, name }: Declaration): PublicName {
  return `${file.replace(/^src\//, '')}: ${name}`;
}

interface Resolver {
  exportsOf(file: string): Declaration[];
  /** Finds the declaration of a name that a file declares or imports; undefined for names of the language and packages. */
  find(file: string, name: string): Declaration | undefined;
  isDocumented(declaration: Declaration, node: Node): boolean;
  /** The names of types that a declaration mentions. */
  mentioned(declaration: Declaration): string[];
  text(declaration: Declaration, node: Node): string;
  /** The text of a node without comments and empty lines. */
  bareText(declaration: Declaration, node: Node): string;
}

function createResolver(read: (path: string) => string): Resolver {
  const modules = new Map<string, Module>();
  const load = (path: string): Module => {
    const known = modules.get(path);
    if (known !== undefined) return known;
    const source = { path, text: read(path) };
    const loaded = { source, parsed: parseSource(source) };
    modules.set(path, loaded);
    return loaded;
  };
  const own = (file: string, name: string): Declaration | undefined => {
    const statements = load(file).parsed.program.body.filter((statement) => declares(statement, name));
    return statements.length === 0 ? undefined : { file, name, statements };
  };
  const find = (file: string, name: string): Declaration | undefined => {
    const found = own(file, name);
    if (found !== undefined) return found;
    for (const { moduleRequest, entries } of load(file).parsed.module.staticImports) {
      const entry = entries.find(({ localName }) => localName.value === name);
      if (entry !== undefined && moduleRequest.value.startsWith('.')) {
        return exported(declarationsOf(file, moduleRequest.value), entry.importName.name ?? name);
      }
    }
    return undefined;
  };
  const exportsOf = (file: string): Declaration[] =>
    load(file).parsed.module.staticExports.flatMap(({ entries }) =>
      entries.flatMap(({ moduleRequest, importName, exportName, localName }) => {
        if (moduleRequest === null) return find(file, localName.name ?? exportName.name ?? '') ?? [];
        const target = declarationsOf(file, moduleRequest.value);
        if (importName.name === null) return exportsOf(target);
        return exported(target, importName.name) ?? [];
      }),
    );
  const exported = (file: string, name: string): Declaration | undefined =>
    find(file, name) ?? exportsOf(file).find((declaration) => declaration.name === name);
  return {
    exportsOf,
    find,
    isDocumented: ({ file }, node) => {
      const { source, parsed } = load(file);
      return parsed.comments.some(
        ({ type, value, end }) =>
          type === 'Block' &&
          value.startsWith('*') &&
          end <= node.start &&
          source.text.slice(end, node.start).trim() === '',
      );
    },
    mentioned: ({ file, statements }) => mentionedIn(load(file), statements),
    text: ({ file }, { start, end }) => load(file).source.text.slice(start, end),
    bareText: ({ file }, node) => withoutComments(load(file), node),
  };
}

function withoutComments({ source, parsed }: Module, { start, end }: Node): string {
  let text = '';
  let at = start;
  for (const comment of parsed.comments) {
    if (comment.start < at || comment.end > end) continue;
    text += source.text.slice(at, comment.start);
    at = comment.end;
  }
  return (text + source.text.slice(at, end)).replace(/[ \t]+$/gm, '').replace(/\n+/g, '\n');
}

/** `./digest.js` names the declarations in `digest.d.ts`. */
function declarationsOf(from: string, module: string): string {
  return fileOf(from, module).replace(/\.[jt]s$/, '.d.ts');
}

function declares(statement: Statement, name: string): boolean {
  const declared = statement.type === 'ExportNamedDeclaration' ? statement.declaration : statement;
  switch (declared?.type) {
    case 'VariableDeclaration':
      return declared.declarations.some(({ id }) => id.type === 'Identifier' && id.name === name);
    case 'ClassDeclaration':
    case 'TSDeclareFunction':
    case 'TSInterfaceDeclaration':
    case 'TSTypeAliasDeclaration':
    case 'TSEnumDeclaration':
      return declared.id?.name === name;
    default:
      return false;
  }
}

function mentionedIn({ parsed }: Module, statements: readonly Statement[]): string[] {
  const names = new Set<string>();
  const add = (node: Node): void => {
    if (node.type === 'Identifier') names.add(node.name);
    if (node.type === 'TSQualifiedName') add(node.left);
  };
  const visitor = new Visitor({
    TSTypeReference: ({ typeName }) => add(typeName),
    TSTypeQuery: ({ exprName }) => add(exprName),
    TSInterfaceHeritage: ({ expression }) => add(expression),
    TSClassImplements: ({ expression }) => add(expression),
    ClassDeclaration: ({ superClass }) => void (superClass && add(superClass)),
  });
  visitor.visit({ ...parsed.program, body: [...statements] });
  return [...names];
}

interface Member {
  readonly name: PublicName;
  readonly documented: boolean;
}

/**
 * Members of interfaces, classes and type literals. These don't count: private members, brands, the `kind` of a variant
 * and other members with one possible value, and the members of a literal inside another type.
 */
function membersOf(declaration: Declaration, resolver: Resolver): Member[] {
  return declaration.statements.flatMap((statement) => {
    const declared = statement.type === 'ExportNamedDeclaration' ? statement.declaration : statement;
    const nodes =
      declared?.type === 'TSTypeAliasDeclaration'
        ? literalMembers(declared.typeAnnotation)
        : bodyOf(declared);
    return nodes
      .filter((node) => !isPrivate(node) && !hasOneValue(node))
      .map((node) => ({
        name: `${nameOf(declaration)}.${'key' in node ? resolver.text(declaration, node.key) : node.type}`,
        documented: resolver.isDocumented(declaration, node),
      }));
  });
}

function bodyOf(declared: Node | null): readonly Node[] {
  return declared?.type === 'TSInterfaceDeclaration' || declared?.type === 'ClassDeclaration'
    ? declared.body.body
    : [];
}

/** The members of `{ … }`, and of each part of a union or an intersection of these. */
function literalMembers(type: Node): readonly Node[] {
  if (type.type === 'TSTypeLiteral') return type.members;
  if (type.type === 'TSUnionType' || type.type === 'TSIntersectionType')
    return type.types.flatMap(literalMembers);
  return [];
}

/** No other file can name a brand: its key is a symbol that no file exports. */
function isPrivate(node: Node): boolean {
  if ('accessibility' in node && node.accessibility === 'private') return true;
  if ('computed' in node && node.computed) return true;
  return 'key' in node && node.key.type === 'PrivateIdentifier';
}

function hasOneValue(node: Node): boolean {
  return node.type === 'TSPropertySignature' && node.typeAnnotation?.typeAnnotation.type === 'TSLiteralType';
}

/** Follows the types that public declarations mention, through types that are not public as well. */
function unexportedTypes(symbols: ReadonlyMap<string, Declaration>, resolver: Resolver): PublicName[] {
  const found = new Set<PublicName>();
  const queue = [...symbols.values()];
  for (const declaration of queue) {
    for (const name of resolver.mentioned(declaration)) {
      const target = resolver.find(declaration.file, name);
      if (target === undefined || symbols.has(nameOf(target)) || found.has(nameOf(target))) continue;
      found.add(nameOf(target));
      queue.push(target);
    }
  }
  return [...found].sort();
}
