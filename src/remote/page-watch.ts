import { ContentError, ResponseError } from '../errors.ts';
import { redactUrl } from '../wire/redact.ts';
import type { Answer } from './exchange.ts';

/** No registry has more names in one listing, so a longer listing has no end. */
const maxNames = 10_000_000;
/** The same limit in pages of the usual size. */
const maxPages = 10_000;
/** A registry that filters, or has just deleted tags, may send some empty pages. */
const maxEmpty = 10;

/** Checks that each page of a listing brings new names, because some registries link on for ever. */
export class PageWatch {
  readonly #links = new Set<string>();
  readonly #pages = new Set<string>();
  #empty = 0;
  #count = 0;
  #all = 0;
  #first = '';
  #last = '';

  /** Counts a name of the current page. Throws TOO_LARGE. */
  saw(name: string): void {
    if (++this.#all > maxNames) {
      throw new ContentError('TOO_LARGE', `gantry ended the listing after ${maxNames} names`, {
        expected: maxNames,
      });
    }
    if (this.#count === 0) this.#first = name;
    this.#last = name;
    this.#count++;
  }

  /** Ends the current page, which links to `next`. Throws UNEXPECTED_ANSWER. */
  goOn(next: string, { response }: Pick<Answer, 'response'>): void {
    const page = JSON.stringify([this.#count, this.#first, this.#last]);
    this.#empty = this.#count === 0 ? this.#empty + 1 : 0;
    const isOld = this.#count === 0 ? this.#empty > maxEmpty : this.#pages.has(page);
    if (isOld || this.#links.has(next) || this.#links.size >= maxPages) {
      const shown = redactUrl(next, response.secrets);
      const why = isOld ? 'since a page that links there has no new names' : 'since its pages have no end';
      throw new ResponseError('UNEXPECTED_ANSWER', `${shown}: gantry ended the listing, ${why}`);
    }
    this.#pages.add(page);
    this.#links.add(next);
    this.#count = 0;
  }
}
