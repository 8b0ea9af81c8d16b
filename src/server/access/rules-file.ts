import type { Document, LineCounter, Node } from 'yaml';
import { InputError } from '../../errors.ts';
import { isPattern } from './pattern.ts';
import { checkReading, createReading, type ReadingOptions } from './reading.ts';
import { allRights, type Right, type Rule, type RuleSource } from './rules.ts';

/** Characters. A file of rules has a few lines; a larger file is a mistake. */
const limit = 1024 * 1024;

/**
 * Opens the rules in the YAML text that `read` returns. The text is read for every request and parsed when it has
 * changed.
 * @throws INVALID_OPTION, with file and line, when the first text is invalid.
 */
export async function openRules(
  read: () => Promise<string>,
  options: ReadingOptions = {},
): Promise<RuleSource> {
  checkReading('openRules', read, options);
  const { file = 'rules' } = options;
  const current = createReading(read, (text) => parseRules(text, { file }), options);
  await current();
  return current;
}

/**
 * Parses access rules: `rules` is a list of `{ repositories, users, anonymous, allow }`. Refuses every other field,
 * because a rule that is only partly understood cannot be enforced. Throws INVALID_OPTION with file and line.
 */
export async function parseRules(
  text: string,
  { file }: { readonly file: string },
): Promise<readonly Rule[]> {
  if (text.length > limit) throw new InputError('INVALID_OPTION', `${file}: too long for rules of access`);
  const yaml = await import('yaml');
  const lines = new yaml.LineCounter();
  const document = parsed(() =>
    yaml.parseDocument(text, { lineCounter: lines, prettyErrors: false, schema: 'core' }),
  );
  if (document === undefined) throw failure(file, 1, 'nested too deeply');
  const [problem] = [...document.errors, ...document.warnings];
  if (problem !== undefined) throw failure(file, lines.linePos(problem.pos[0]).line, problem.message);
  return new Reader({ yaml, document, lines, file }).rules();
}

/** Returns undefined when the parser fails: it is recursive in the nesting depth. */
function parsed<T>(parse: () => T): T | undefined {
  try {
    return parse();
  } catch {
    return undefined;
  }
}

interface Source {
  readonly yaml: typeof import('yaml');
  readonly document: Document.Parsed;
  readonly lines: LineCounter;
  readonly file: string;
}

type Fields = ReadonlyMap<string, Node>;

class Reader {
  readonly #source: Source;

  constructor(source: Source) {
    this.#source = source;
  }

  rules(): readonly Rule[] {
    const { contents } = this.#source.document;
    if (contents === null) throw this.#failure(undefined, 'the file is empty; "rules: []" allows nothing');
    const fields = this.#fields(contents, ['rules']);
    return this.#items(fields.get('rules'), contents, 'rules').map((node) => this.#rule(node));
  }

  #rule(node: Node): Rule {
    const fields = this.#fields(node, ['repositories', 'users', 'anonymous', 'allow']);
    const repositories = this.#texts(fields, node, 'repositories', (text) =>
      isPattern(text) ? undefined : 'is neither the name of a repository nor a pattern',
    );
    const allow = this.#texts(fields, node, 'allow', (text) =>
      isRight(text) ? undefined : `is not a right: use ${allRights.join(', ')}`,
    );
    const anonymous = this.#anonymous(fields.get('anonymous'));
    const users = fields.has('users') ? this.#texts(fields, node, 'users', wrongUser) : undefined;
    if (users === undefined && !anonymous) {
      throw this.#failure(node, 'a rule needs users, or anonymous: true');
    }
    return {
      repositories,
      anonymous,
      allow: allow.filter(isRight),
      ...(users === undefined ? {} : { users }),
    };
  }

  #anonymous(node: Node | undefined): boolean {
    if (node === undefined) return false;
    const { yaml } = this.#source;
    if (yaml.isScalar(node) && typeof node.value === 'boolean') return node.value;
    throw this.#failure(node, 'anonymous must be true or false');
  }

  /** Returns the fields of a map that has only known fields. */
  #fields(node: Node, known: readonly string[]): Fields {
    const { yaml } = this.#source;
    if (!yaml.isMap(node)) throw this.#failure(node, `expected the fields ${known.join(', ')}`);
    return new Map(
      node.items.map(({ key, value }) => {
        const at = yaml.isNode(key) ? key : node;
        const name = yaml.isScalar(key) ? key.value : undefined;
        if (typeof name !== 'string' || !known.includes(name)) {
          throw this.#failure(at, `unknown field "${String(name)}": use ${known.join(', ')}`);
        }
        if (!yaml.isNode(value)) throw this.#failure(at, `${name} has no value`);
        return [name, value];
      }),
    );
  }

  #texts(
    fields: Fields,
    parent: Node,
    name: string,
    wrong: (text: string) => string | undefined,
  ): readonly string[] {
    const { yaml } = this.#source;
    const nodes = this.#items(fields.get(name), parent, name);
    if (nodes.length === 0) throw this.#failure(fields.get(name), `${name} is empty`);
    return nodes.map((node) => {
      if (!yaml.isScalar(node) || typeof node.value !== 'string') {
        throw this.#failure(node, `${name} must be a list of texts: put numbers and the like in quotes`);
      }
      const problem = wrong(node.value);
      if (problem !== undefined) throw this.#failure(node, `"${node.value.slice(0, 100)}" ${problem}`);
      return node.value;
    });
  }

  #items(node: Node | undefined, parent: Node, name: string): readonly Node[] {
    const { yaml } = this.#source;
    if (node === undefined) throw this.#failure(parent, `${name} is missing`);
    if (!yaml.isSeq(node)) throw this.#failure(node, `${name} must be a list`);
    return node.items.map((item) => {
      if (yaml.isNode(item)) return item;
      throw this.#failure(node, `${name} has an empty entry`);
    });
  }

  #failure(node: Node | undefined, message: string): InputError {
    const { file, lines } = this.#source;
    return failure(file, lines.linePos(node?.range?.[0] ?? 0).line, message);
  }
}

function isRight(text: string): text is Right {
  return allRights.some((right) => right === text);
}

function wrongUser(text: string): string | undefined {
  return text === '' || text.includes(':') ? 'is not a user name' : undefined;
}

function failure(file: string, line: number, message: string): InputError {
  return new InputError('INVALID_OPTION', `${file}:${line || 1}: ${message}`);
}
