import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const root = fileURLToPath(new URL('../../', import.meta.url));
const at = (...path: string[]) => join(root, ...path);

/** Optional packages that a project of this test has: those of the built-in drawings. */
const isOptional = (name: string) => name.startsWith('@iconify-json/') || name === 'emojibase-data';

/**
 * What npm packs, as paths in the package. It is asked in a copy of the tree whose files are empty: names alone decide, and
 * compressing all models would take most of a test's time.
 */
export async function packedFiles(): Promise<string[]> {
  const copy = await mkdtemp(join(tmpdir(), 'promptkd-packed-'));
  try {
    for (const entry of await readdir(root, { withFileTypes: true })) {
      if (['node_modules', '.git', 'runs'].includes(entry.name)) continue;
      if (entry.isFile()) await copyFile(at(entry.name), join(copy, entry.name));
      if (!entry.isDirectory()) continue;
      for (const inner of await readdir(at(entry.name), { withFileTypes: true, recursive: true })) {
        if (!inner.isFile()) continue;
        const path = join(copy, relative(root, inner.parentPath), inner.name);
        await mkdir(dirname(path), { recursive: true });
        await writeFile(path, '');
      }
    }
    const listed = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
      cwd: copy,
      encoding: 'utf8',
      shell: process.platform === 'win32',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const [{ files }] = JSON.parse(listed) as [{ files: { path: string }[] }];
    return files.map(({ path }) => path);
  } finally {
    await rm(copy, { recursive: true });
  }
}

/**
 * A project elsewhere that the package is installed in: of the package what is packed, of other packages what it depends on
 * and the built-in drawings. Nothing else can be imported there.
 *
 * @param packed paths in the package
 */
export async function installedProject(packed: readonly string[]): Promise<string> {
  const project = await mkdtemp(join(tmpdir(), 'promptkd-installed-'));
  const own = join(project, 'node_modules', 'promptkd');
  const files = packed.filter((path) => /^(dist|recipes)\/|^package\.json$/.test(path));
  for (const folder of new Set(files.map((path) => dirname(join(own, path))))) await mkdir(folder, { recursive: true });
  await Promise.all(files.map((path) => copyFile(at(path), join(own, path))));
  await symlink(at('models'), join(own, 'models'));
  const manifest = JSON.parse(await readFile(at('package.json'), 'utf8')) as Record<string, Record<string, string>>;
  const others = [
    ...Object.keys(manifest.dependencies!),
    ...Object.keys(manifest.peerDependencies!).filter(isOptional),
  ];
  for (const name of [...others, '@types/node']) {
    await mkdir(dirname(join(project, 'node_modules', name)), { recursive: true });
    await symlink(at('node_modules', name), join(project, 'node_modules', name));
  }
  await writeFile(join(project, 'package.json'), '{ "type": "module" }');
  return project;
}

/** What a strict TypeScript project says of some files, one fault a line. */
export function typeFaults(program: ts.Program): string[] {
  return ts
    .getPreEmitDiagnostics(program)
    .map(
      ({ file, start, messageText }) =>
        `${file?.fileName}:${file && file.getLineAndCharacterOfPosition(start ?? 0).line + 1}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`,
    );
}

/** @param old what was parsed before */
export function strictProgram(project: string, files: readonly string[], old?: ts.Program): ts.Program {
  const options: ts.CompilerOptions = {
    ...{ strict: true, noEmit: true, allowJs: true, checkJs: true, skipLibCheck: true },
    ...{ target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.NodeNext, lib: ['lib.es2023.d.ts'] },
    ...{ moduleResolution: ts.ModuleResolutionKind.NodeNext, types: ['node'] },
    ...{ noUncheckedIndexedAccess: true, typeRoots: [join(project, 'node_modules/@types')] },
  };
  return ts.createProgram([...files], options, undefined, old);
}

/** A public name: what is said of it, and its examples. */
export interface PublicName {
  readonly name: string;
  readonly text: string;
  readonly examples: readonly string[];
  readonly isType: boolean;
  /** Its declarations, and its name there. */
  readonly declared: { readonly file: string; readonly name: string };
}

/** What an entry of the package exports. @param file its declarations */
export function publicNames(program: ts.Program, file: string): PublicName[] {
  const checker = program.getTypeChecker();
  const source = program.getSourceFile(file);
  if (!source)
    throw new Error(`${file}: is not part of the program; there ${existsSync(file) ? 'is' : 'is no'} such file`);
  return checker.getExportsOfModule(checker.getSymbolAtLocation(source)!).map((exported) => {
    const symbol = exported.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported;
    const isNamespace = symbol.declarations?.some(ts.isSourceFile);
    const said = isNamespace
      ? commentAbove(exported)
      : ts.displayPartsToString(symbol.getDocumentationComment(checker));
    const examples = symbol.getJsDocTags(checker).filter(({ name }) => name === 'example');
    return {
      name: exported.name,
      text: said,
      examples: examples.map(({ text }) => ts.displayPartsToString(text)),
      isType: !(symbol.flags & ts.SymbolFlags.Value),
      declared: { file: symbol.declarations?.[0]?.getSourceFile().fileName ?? '', name: symbol.name },
    };
  });
}

/** Of `export * as name`, which TypeScript takes no comment from. */
function commentAbove({ declarations = [] }: ts.Symbol): string {
  const statement = declarations.map((one) => one.parent).find(ts.isExportDeclaration);
  if (!statement) return '';
  const text = statement.getSourceFile().text;
  const ranges = ts.getLeadingCommentRanges(text, statement.pos) ?? [];
  return ranges.map(({ pos, end }) => text.slice(pos, end)).join('\n');
}

/** What a text of TypeScript uses and does not declare: what it has to import. */
export function freeNames(text: string): Set<string> {
  const used = new Set<string>();
  const declared = new Set<string>();
  const visit = (node: ts.Node, parent: ts.Node | undefined): void => {
    if (ts.isIdentifier(node) && parent) {
      const isDeclared =
        ((ts.isVariableDeclaration(parent) || ts.isParameter(parent) || ts.isBindingElement(parent)) &&
          parent.name === node) ||
        ts.isImportSpecifier(parent) ||
        ts.isImportClause(parent) ||
        ts.isNamespaceImport(parent);
      const isKey =
        (ts.isPropertyAccessExpression(parent) && parent.name === node) ||
        (ts.isPropertyAssignment(parent) && parent.name === node) ||
        (ts.isBindingElement(parent) && parent.propertyName === node);
      if (isDeclared) declared.add(node.text);
      else if (!isKey) used.add(node.text);
    }
    ts.forEachChild(node, (child) => visit(child, node));
  };
  visit(ts.createSourceFile('example.ts', text, ts.ScriptTarget.ES2022), undefined);
  return new Set([...used].filter((name) => !declared.has(name)));
}

/** TypeScript as JavaScript. */
export const withoutTypes = (text: string): string =>
  ts.transpileModule(text, { compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext } })
    .outputText;
