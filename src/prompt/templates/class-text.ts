import { nounOf } from '../../english/index.js';
import { render } from './syntax.js';

/**
 * A class's text from a template. `{}` is the name as it is, but articles do not double: `a photo of a {}` of `the moon` is
 * `a photo of the moon`. Otherwise the class slots of the library's templates are filled, with the articles and plurals that
 * the name takes: `a photo of [OBJ]` → `a photo of an apple`.
 *
 * @throws UserError for a template of the library with an empty name, or with another slot than the class's
 */
export function classText(template: string, name: string): string {
  if (!template.includes('{}')) return render(template, { OBJ: name });
  const open =
    name.trim() !== '' && nounOf(name).determiner ? template.replace(/\b(?:an?|the) (?=\{\})/gi, '') : template;
  return open.replaceAll('{}', () => name);
}
