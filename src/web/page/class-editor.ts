import { element } from './dom.js';
import type { ModelFile } from './engine.js';

/** The classes that the user has chosen. */
export type Choice =
  | { readonly kind: 'fixed' }
  | { readonly kind: 'live'; readonly names: readonly string[]; readonly templates: readonly string[] };

/** While someone types, the texts are encoded this many milliseconds after the last key. */
const PAUSE = 250;

/** Sets the fields up and reports every choice that can be classified by; a fault is shown beside the fields. */
export function editClasses(model: ModelFile, onChange: (choice: Choice) => void): void {
  const names = element<HTMLTextAreaElement>('names');
  const templates = element<HTMLTextAreaElement>('templates');
  const [fixed, live] = [element<HTMLInputElement>('kind-fixed'), element<HTMLInputElement>('kind-live')];
  names.value = model.suggested.join('\n');
  templates.value = model.templates.join('\n');
  templates.rows = Math.min(5, Math.max(2, model.templates.length));
  element('fixed-count').textContent = String(model.classes?.length ?? 0);
  element('fixed-names').textContent = model.classes?.join(', ') ?? '';
  element('kinds').hidden = !model.classes;
  fixed.checked = Boolean(model.classes);
  live.checked = !model.classes;

  const report = () => {
    element('live-fields').hidden = fixed.checked;
    element('fixed-names').hidden = !fixed.checked;
    if (fixed.checked) return onChange({ kind: 'fixed' });
    const chosen = { names: [...new Set(lines(names))], templates: lines(templates) };
    const fault = faultOf(chosen.names, chosen.templates);
    element('class-fault').textContent = fault ?? '';
    if (!fault) onChange({ kind: 'live', ...chosen });
  };
  let timer = 0;
  const later = () => {
    clearTimeout(timer);
    timer = setTimeout(report, PAUSE);
  };
  for (const field of [names, templates]) field.addEventListener('input', later);
  for (const radio of [fixed, live]) radio.addEventListener('change', report);
  report();
}

/** One name or template per line; names may also be comma-separated. */
function lines(field: HTMLTextAreaElement): string[] {
  const split = field.id === 'names' ? /[\n,]/ : /\n/;
  return field.value
    .split(split)
    .map((line) => line.trim())
    .filter((line) => line !== '');
}

function faultOf(names: readonly string[], templates: readonly string[]): string | undefined {
  if (names.length === 0) return 'Type at least one class.';
  if (templates.length === 0) return 'Type at least one prompt template, with {} in place of the class.';
  const without = templates.find((template) => !/\{\}|\[OBJ\]/.test(template));
  return without && `“${without}” needs {} in place of the class.`;
}
