/** One statement for the assembler, and where its author wrote it. */
export interface Statement {
  readonly text: string;
  readonly file: string;
  /** Line in `file`, from 1; for a macro's statements, the line in the macro's body. */
  readonly line: number;
}

/** Gives the text of a source by its path relative to `guests/`, for example `lib/serial.s`. */
export type ReadSource = (path: string) => string | Promise<string>;

/** A mistake in an assembly source, with the line that holds it. */
export class AssemblyError extends Error {
  readonly file: string;
  readonly line: number;
  constructor(file: string, line: number, problem: string) {
    super(`${file}:${line}: ${problem}`);
    this.name = 'AssemblyError';
    this.file = file;
    this.line = line;
  }
}

interface Macro {
  readonly parameters: readonly { name: string; fallback: string }[];
  readonly body: readonly Statement[];
}

const IDENTIFIER = /[A-Za-z_.$][\w.$]*/;
const LABEL = new RegExp(`^(${IDENTIFIER.source}|\\d+):`);
const MACRO_DEPTH_LIMIT = 40;

/** Splits at `separator` outside quotes and parentheses. */
function split(text: string, separator: string): string[] {
  const parts: string[] = [];
  let start = 0;
  let depth = 0;
  let quote = '';
  for (let i = 0; i < text.length; i++) {
    const character = text[i];
    if (quote) {
      if (character === '\\') i++;
      else if (character === quote) quote = '';
    } else if (character === '"' || character === "'") quote = character;
    else if (character === '(') depth++;
    else if (character === ')') depth--;
    else if (character === separator && depth === 0) {
      parts.push(text.slice(start, i));
      start = i + 1;
    }
  }
  parts.push(text.slice(start));
  return parts.map((part) => part.trim());
}

/** The statements of one source text: comments gone, `;` and labels split off. */
function statementsOf(source: string, file: string): Statement[] {
  const statements: Statement[] = [];
  source.split('\n').forEach((whole, index) => {
    const code = split(whole, '#')[0];
    for (const part of split(code, ';')) {
      let rest = part;
      for (let label = LABEL.exec(rest); label; label = LABEL.exec(rest)) {
        statements.push({ text: label[0], file, line: index + 1 });
        rest = rest.slice(label[0].length).trim();
      }
      if (rest) statements.push({ text: rest, file, line: index + 1 });
    }
  });
  return statements;
}

async function withIncludes(
  statements: Statement[],
  readSource: ReadSource,
  seen: Set<string>,
): Promise<Statement[]> {
  const result: Statement[] = [];
  for (const statement of statements) {
    const include = /^\.include\s+"(.+)"$/.exec(statement.text);
    if (!include) {
      result.push(statement);
      continue;
    }
    const path = include[1];
    if (seen.has(path)) continue;
    seen.add(path);
    let text: string;
    try {
      text = await readSource(path);
    } catch (error) {
      throw new AssemblyError(statement.file, statement.line, `cannot include ${path}: ${String(error)}`);
    }
    result.push(...(await withIncludes(statementsOf(text, path), readSource, seen)));
  }
  return result;
}

/** Expands `.macro`, `.rept` and `.ifb`/`.ifnb`, which then need no trust in the assembler's own. */
class MacroExpander {
  private readonly macros = new Map<string, Macro>();
  private expansions = 0;
  private readonly output: Statement[] = [];

  static expand(statements: readonly Statement[]): Statement[] {
    const expander = new MacroExpander();
    expander.run(expander.withoutDefinitions(statements), 0);
    return expander.output;
  }

  /** Takes the macros' definitions out first, so that a macro may be used above its definition. */
  private withoutDefinitions(statements: readonly Statement[]): Statement[] {
    const rest: Statement[] = [];
    for (let i = 0; i < statements.length; i++) {
      if (!/^\.macro\b/.test(statements[i].text)) {
        rest.push(statements[i]);
        continue;
      }
      const end = this.findEnd(statements, i, '.macro', '.endm');
      const operands = statements[i].text.slice('.macro'.length).trim();
      this.define(statements[i], operands, statements.slice(i + 1, end));
      i = end;
    }
    return rest;
  }

  private run(statements: readonly Statement[], depth: number): void {
    for (let i = 0; i < statements.length; i++) {
      const statement = statements[i];
      const [, directive, operands] = /^(\S+)\s*(.*)$/s.exec(statement.text)!;
      if (depth > MACRO_DEPTH_LIMIT) this.fail(statement, 'macros nest too deeply');
      if (directive === '.rept') {
        const end = this.findEnd(statements, i, '.rept', '.endr');
        const body = statements.slice(i + 1, end);
        for (let count = Number(operands); count > 0; count--) this.run(body, depth + 1);
        i = end;
      } else if (directive === '.ifb' || directive === '.ifnb') {
        const end = this.findEnd(statements, i, /^\.ifn?b$/, '.endif');
        if ((operands === '') === (directive === '.ifb')) this.run(statements.slice(i + 1, end), depth + 1);
        i = end;
      } else if (this.macros.has(directive)) {
        this.run(this.instantiate(this.macros.get(directive)!, directive, operands, statement), depth + 1);
      } else {
        this.output.push(statement);
      }
    }
  }

  private findEnd(list: readonly Statement[], start: number, open: string | RegExp, close: string): number {
    let depth = 0;
    for (let i = start; i < list.length; i++) {
      const word = list[i].text.split(/\s/, 1)[0];
      if (typeof open === 'string' ? word === open : open.test(word)) depth++;
      else if (word === close && --depth === 0) return i;
    }
    return this.fail(list[start], `no ${close} for this line`);
  }

  private define(statement: Statement, operands: string, body: Statement[]): void {
    const [, name, list] = /^(\S+)\s*(.*)$/.exec(operands) ?? this.fail(statement, '.macro needs a name');
    const parameters = list
      ? split(list, ',').map((parameter) => {
          const [parameterName, fallback = ''] = split(parameter, '=');
          return { name: parameterName, fallback };
        })
      : [];
    this.macros.set(name, { parameters, body });
  }

  private instantiate(macro: Macro, name: string, operands: string, call: Statement): Statement[] {
    const given = operands ? split(operands, ',') : [];
    if (given.length > macro.parameters.length) this.fail(call, `too many operands for macro ${name}`);
    const values = new Map(macro.parameters.map((p, i) => [p.name, given[i] || p.fallback]));
    const serial = String(this.expansions++);
    return macro.body.map((statement) => ({
      ...statement,
      text: statement.text
        .replace(/\\@/g, serial)
        .replace(/\\([A-Za-z_]\w*)(\\\(\))?/g, (whole, parameter) => values.get(parameter) ?? whole)
        .trim(),
    }));
  }

  private fail(statement: Statement, problem: string): never {
    throw new AssemblyError(statement.file, statement.line, problem);
  }
}

const hex = (value: number): string => `0x${value.toString(16)}`;
const ESCAPES: Record<string, number> = { n: 10, r: 13, t: 9, 0: 0 };

/** Applies `rewrite` to the parts of a statement that are not string literals. */
function outsideStrings(text: string, rewrite: (code: string) => string): string {
  return text
    .split(/("(?:[^"\\]|\\.)*")/)
    .map((part, index) => (index % 2 ? part : rewrite(part)))
    .join('');
}

/**
 * Writes numbers as Keystone cannot misread them (in AT&T syntax it takes bare digits for hexadecimal),
 * and numeric labels (`1:`, `1f`, `1b`) as unique names.
 */
function normalise(statements: readonly Statement[]): Statement[] {
  const seen = new Map<string, number>();
  const numericLabel = (digits: string, index: number): string => `numeric_${digits}_${index}`;
  return statements.map((statement) => {
    const definition = /^(\d+):$/.exec(statement.text);
    if (definition) {
      const index = (seen.get(definition[1]) ?? 0) + 1;
      seen.set(definition[1], index);
      return { ...statement, text: `${numericLabel(definition[1], index)}:` };
    }
    const text = outsideStrings(statement.text, (code) =>
      code
        .replace(/'(\\?)(.)'/gs, (_, backslash, character) =>
          hex(backslash ? (ESCAPES[character] ?? character.charCodeAt(0)) : character.charCodeAt(0)),
        )
        .replace(/(?<![\w.])(?:0x[0-9a-fA-F]+|0b[01]+|\d+[fb]?)(?!\w)/g, (literal) => {
          if (/^\d+[fb]$/.test(literal)) {
            const digits = literal.slice(0, -1);
            return numericLabel(digits, (seen.get(digits) ?? 0) + (literal.endsWith('f') ? 1 : 0));
          }
          return hex(Number(literal));
        }),
    );
    return { ...statement, text };
  });
}

/**
 * Turns a source into plain statements: `.include "path"` (each path once), `.macro name a, b=default` with
 * `\a` and `\@`, `.rept n`, `.ifb`/`.ifnb`, `#` comments, numeric labels, and numbers in C's notation.
 * Throws an `AssemblyError` that names the line.
 */
export async function preprocess(source: string, file: string, readSource: ReadSource): Promise<Statement[]> {
  const included = await withIncludes(statementsOf(source, file), readSource, new Set([file]));
  return normalise(MacroExpander.expand(included));
}

/**
 * The names a program defines with labels or `.set`, without the numeric labels. Throws an `AssemblyError`
 * for a label that is there twice.
 */
export function definedNames(statements: readonly Statement[]): string[] {
  const names = new Set<string>();
  for (const { text, file, line } of statements) {
    const label = LABEL.exec(text)?.[1];
    if (label && names.has(label)) throw new AssemblyError(file, line, `${label} is defined twice`);
    const name = label ?? /^\.(?:set|equ)\s+([\w.$]+)\s*,/.exec(text)?.[1];
    if (name && !name.startsWith('numeric_')) names.add(name);
  }
  return [...names];
}
