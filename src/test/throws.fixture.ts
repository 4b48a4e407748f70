import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import ts from 'typescript';

/** A function, or a method of a class, with a body. */
type Callable = ts.FunctionDeclaration | ts.ArrowFunction | ts.MethodDeclaration | ts.ConstructorDeclaration;

interface SourceFile {
  readonly file: string;
  readonly source: ts.SourceFile;
  /** Functions by name, exported or not. */
  readonly functions: ReadonlyMap<string, Callable>;
  readonly classes: ReadonlyMap<string, ts.ClassDeclaration>;
  /** Where names that are not its own come from. */
  readonly imports: ReadonlyMap<string, { readonly file: string; readonly name: string }>;
}

const parsed = new Map<string, SourceFile | undefined>();

/** Errors of a user: they pass through whoever calls, who says so, too. Those of a programmer are told where they are thrown. */
const ofUsers = /\b(User|Image|Busy)Error\b/;

/**
 * Of a public name the functions and methods that may throw, and whose docstring has no `@throws`: they throw themselves, or call
 * one that says so. What is called on an object is not followed, nor what stands in a `try`.
 *
 * @param file its TypeScript
 */
export function untoldThrows(file: string, name: string): string[] {
  const read = sourceFile(file);
  const own = read?.functions.get(name);
  if (read && own) return !tellsThrows(own) && mayThrow(read, own, new Set()) ? [name] : [];
  return (read?.classes.get(name)?.members ?? []).flatMap((member) => {
    if (!read || !(ts.isMethodDeclaration(member) || ts.isConstructorDeclaration(member)) || !member.body) return [];
    const isPrivate = ts.getModifiers(member)?.some(({ kind }) => kind === ts.SyntaxKind.PrivateKeyword);
    if (isPrivate || tellsThrows(member) || !mayThrow(read, member, new Set())) return [];
    return [`${name}.${member.name?.getText() ?? 'constructor'}`];
  });
}

function mayThrow(from: SourceFile, { body }: Callable, seen: Set<ts.Node>): boolean {
  const visit = (node: ts.Node): boolean => {
    if (ts.isTryStatement(node)) return Boolean(node.catchClause && visit(node.catchClause.block));
    if (ts.isThrowStatement(node)) return !/^new (RangeError|TypeError)\b/.test(node.expression.getText());
    if (ts.isCallExpression(node) && ts.isIdentifier(node.expression) && calleeThrows(node.expression.text))
      return true;
    return ts.forEachChild(node, visit) ?? false;
  };
  const calleeThrows = (name: string): boolean => {
    const local = from.functions.get(name);
    if (local && !throwsTags(local).length) {
      if (seen.has(local)) return false;
      seen.add(local);
      return mayThrow(from, local, seen);
    }
    const told = local ?? imported(from, name);
    return told !== undefined && throwsTags(told).some((text) => ofUsers.test(text));
  };
  return body !== undefined && visit(body);
}

const tellsThrows = (node: ts.Node): boolean => throwsTags(node).length > 0;

/** What stands behind each `@throws`. */
const throwsTags = (node: ts.Node): string[] =>
  ts
    .getJSDocTags(node)
    .filter(({ tagName }) => tagName.text === 'throws')
    .map(({ comment }) => ts.getTextOfJSDocComment(comment)?.trim() ?? '');

/** A function that a file imports, through whatever re-exports it. */
function imported(from: SourceFile, name: string): Callable | undefined {
  for (let at = from.imports.get(name), steps = 0; at && steps < 9; steps++) {
    const there = sourceFile(at.file);
    const found = there?.functions.get(at.name);
    if (found) return found;
    at = there?.imports.get(at.name);
  }
  return undefined;
}

function sourceFile(file: string): SourceFile | undefined {
  if (!parsed.has(file)) parsed.set(file, existsSync(file) ? read(file) : undefined);
  return parsed.get(file);
}

function read(file: string): SourceFile {
  const source = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.ES2022, true);
  const functions = new Map<string, Callable>();
  const classes = new Map<string, ts.ClassDeclaration>();
  const imports = new Map<string, { file: string; name: string }>();
  const from = (specifier: ts.Expression | undefined) =>
    specifier && ts.isStringLiteral(specifier) && specifier.text.startsWith('.')
      ? join(dirname(file), specifier.text.replace(/\.js$/, '.ts'))
      : undefined;
  for (const statement of source.statements) {
    // Of overloads the first one has the docstring.
    if (ts.isFunctionDeclaration(statement) && statement.name) {
      const { text } = statement.name;
      if (!functions.get(text) || !tellsThrows(functions.get(text)!)) functions.set(text, statement);
    }
    if (ts.isClassDeclaration(statement) && statement.name) classes.set(statement.name.text, statement);
    if (ts.isVariableStatement(statement)) {
      for (const { name, initializer } of statement.declarationList.declarations) {
        if (initializer && ts.isArrowFunction(initializer)) functions.set(name.getText(), initializer);
      }
    }
    if (!ts.isImportDeclaration(statement) && !ts.isExportDeclaration(statement)) continue;
    const place = from(statement.moduleSpecifier);
    const names = ts.isImportDeclaration(statement) ? statement.importClause?.namedBindings : statement.exportClause;
    if (!place || !names || !(ts.isNamedImports(names) || ts.isNamedExports(names))) continue;
    for (const { name, propertyName } of names.elements) {
      imports.set(name.text, { file: place, name: (propertyName ?? name).text });
    }
  }
  return { file, source, functions, classes, imports };
}
