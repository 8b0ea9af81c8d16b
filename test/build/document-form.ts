/** The form of a value in a document: a text by a pattern or a list, a fixed value, a list, or an object. */
export type Form = RegExp | readonly string[] | boolean | number | ListForm | ObjectForm;

interface ListForm {
  readonly items: Form;
}

/** An object with exactly these members: those in `required` and any of those in `optional`. */
interface ObjectForm {
  readonly required: Readonly<Record<string, Form>>;
  readonly optional?: Readonly<Record<string, Form>>;
}

/** Lists the places where a value departs from a form, each with the reason. */
export function* departures(value: unknown, form: Form, at = 'document'): Generator<string, undefined> {
  if (form instanceof RegExp) {
    if (typeof value !== 'string' || !form.test(value)) yield `${at} is ${show(value)}, not ${form}`;
  } else if (isChoice(form)) {
    if (!form.some((one) => one === value)) yield `${at} is ${show(value)}, none of ${form.join(', ')}`;
  } else if (typeof form !== 'object') {
    if (value !== form) yield `${at} is ${show(value)}, not ${form}`;
  } else if ('items' in form) {
    if (!Array.isArray(value)) yield `${at} is no list`;
    else for (const [index, item] of value.entries()) yield* departures(item, form.items, `${at}[${index}]`);
  } else yield* memberDepartures(value, form, at);
}

function* memberDepartures(
  value: unknown,
  { required, optional = {} }: ObjectForm,
  at: string,
): Generator<string, undefined> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    yield `${at} is no object`;
    return;
  }
  const members = new Map<string, unknown>(Object.entries(value));
  for (const name of Object.keys(required)) if (!members.has(name)) yield `${at} lacks ${name}`;
  for (const [name, member] of members) {
    const form = required[name] ?? optional[name];
    if (form === undefined) yield `${at} has the unknown member ${name}`;
    else yield* departures(member, form, `${at}.${name}`);
  }
}

function isChoice(form: Form): form is readonly string[] {
  return Array.isArray(form);
}

function show(value: unknown): string {
  return JSON.stringify(value) ?? 'absent';
}
