import { ContentError, ResponseError } from '../errors.ts';
import { redactUrl } from '../wire/redact.ts';
import type { Answer } from './exchange.ts';

/** No registry has more under one name: a listing that goes on has no end. */
const maxNames = 10_000_000;
/** So many names at the usual page size. */
const maxPages = 10_000;
/** A registry that filters, or has just deleted, may have some pages with nothing on them. */
const maxEmpty = 10;

/** Whether each page of a listing brings something new. Some registries link on for ever. */
export class PageWatch {
  readonly #links = new Set<string>();
  readonly #pages = new Set<string>();
  #empty = 0;
  #count = 0;
  #all = 0;
  #first = '';
  #last = '';

  /** Told each name of a page. Throws TOO_LARGE. */
  saw(name: string): void {
    if (++this.#all > maxNames) {
      throw new ContentError('TOO_LARGE', `the listing was given up after ${maxNames} names`, {
        expected: maxNames,
      });
    }
    if (this.#count === 0) this.#first = name;
    this.#last = name;
    this.#count++;
  }

  /** At the end of a page that links to `next`. Throws UNEXPECTED_ANSWER. */
  goOn(next: string, { response }: Pick<Answer, 'response'>): void {
    const page = JSON.stringify([this.#count, this.#first, this.#last]);
    this.#empty = this.#count === 0 ? this.#empty + 1 : 0;
    const isOld = this.#count === 0 ? this.#empty > maxEmpty : this.#pages.has(page);
    if (isOld || this.#links.has(next) || this.#links.size >= maxPages) {
      const shown = redactUrl(next, response.secrets);
      const why = isOld ? 'a page that links there brings nothing new' : 'the pages have no end';
      throw new ResponseError('UNEXPECTED_ANSWER', `${shown}: the listing was given up, ${why}`);
    }
    this.#pages.add(page);
    this.#links.add(next);
    this.#count = 0;
  }
}
