/** HTML as values: everything put into a template is escaped unless it is markup already. */

/** Text that is HTML. Only `html` and `raw` make it. */
export class Markup {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

/** What a template takes; nothing is shown for undefined and false. */
export type Insertable = string | number | Markup | undefined | false | readonly Insertable[];

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};
/** Control characters have no place in HTML (HTML standard, section 13.1.4); a guest's console may be full of them. */
const visible = (text: string): string =>
  text
    .replace(/\r\n?/g, '\n')
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is replaced
    .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f]/g, (c) =>
      String.fromCharCode(0x2400 + c.charCodeAt(0)),
    )
    .replace(/[\u007f-\u009f\ufdd0-\ufdef\ufffe\uffff]|\p{Surrogate}/gu, '\ufffd');

export const escaped = (text: string): string => visible(text).replace(/[&<>"']/g, (c) => entities[c]!);

const insert = (value: Insertable): string => {
  if (value === undefined || value === false) return '';
  if (value instanceof Markup) return value.text;
  if (typeof value === 'object') return value.map(insert).join('');
  return escaped(String(value));
};

/** Template tag: text and attribute values are escaped, markup stays. Attribute values must be quoted. */
export const html = (strings: TemplateStringsArray, ...values: readonly Insertable[]): Markup =>
  new Markup(strings.reduce((text, piece, i) => text + insert(values[i - 1]) + piece));

/** What another serialiser has made. */
export const raw = (text: string): Markup => new Markup(text);
