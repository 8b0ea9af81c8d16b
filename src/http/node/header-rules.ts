const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** Line ends and other control characters would change the meaning of the following bytes. */
const forbidden = /[^\t\x20-\x7e\x80-\xff]/;

/** @see https://www.rfc-editor.org/rfc/rfc9110#section-5.1 */
export function isHeaderName(text: string): boolean {
  return token.test(text);
}

/** @see https://www.rfc-editor.org/rfc/rfc9110#section-5.5 */
export function isHeaderValue(text: string): boolean {
  return !forbidden.test(text);
}
