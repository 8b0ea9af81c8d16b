import { sep } from 'node:path';
import { isGantryError } from '../errors.ts';
import { isUnreadable } from '../files/files.ts';
import { given } from '../spec/options.ts';

export interface StoreFinding {
  /**
   * `damaged`: the bytes do not have their digest; `missing`: named content does not exist; `stray`: a file without a
   * meaning.
   */
  readonly kind: 'damaged' | 'missing' | 'stray';
  readonly repository?: string;
  /** A digest, a tag or a path. */
  readonly subject: string;
  readonly problem: string;
}

/** The findings of a check, in one repository or in the pool. Each is listed once. */
export class FindingList {
  readonly all: StoreFinding[] = [];
  readonly #root: string;
  readonly #repository: string | undefined;
  readonly #told = new Set<string>();

  /** Paths in findings are relative to `root`. */
  constructor(root: string, repository?: string) {
    this.#root = root;
    this.#repository = repository;
  }

  add(kind: StoreFinding['kind'], subject: string, problem: string): void {
    // A manifest may name the same content several times.
    const finding = `${kind} ${subject} ${problem}`;
    if (this.#told.has(finding)) return;
    this.#told.add(finding);
    const repository = this.#repository;
    const said = (text: string): string => text.replaceAll(`${this.#root}${sep}`, '');
    this.all.push(given({ kind, subject: said(subject), problem: said(problem), repository }));
  }

  unreadable(path: string, error: unknown): void {
    if (!isGantryError(error)) throw error;
    this.add('damaged', path, error.message);
  }

  /** Returns the answer of the task. For something unreadable, returns `otherwise` and adds a finding. */
  async reading<T>(otherwise: T, subject: string, task: () => Promise<T>): Promise<T> {
    try {
      return await task();
    } catch (error) {
      if (!isUnreadable(error)) throw error;
      this.unreadable(subject, error);
      return otherwise;
    }
  }

  /** Looks twice: beside a server, the first look may fall into the middle of a change. */
  async look(
    kind: StoreFinding['kind'],
    subject: string,
    problem: () => Promise<string | undefined>,
  ): Promise<void> {
    if ((await problem()) === undefined) return;
    const stays = await problem();
    if (stays !== undefined) this.add(kind, subject, stays);
  }
}
