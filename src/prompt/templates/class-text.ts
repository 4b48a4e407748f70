import { render } from './syntax.js';

/**
 * A class's text from a template. `{}` is the name as it is; otherwise the class slots of the library's templates
 * are filled, with the articles and plurals that the name takes: `a photo of [OBJ]` → `a photo of an apple`.
 */
export function classText(template: string, name: string): string {
  return template.includes('{}') ? template.replaceAll('{}', () => name) : render(template, { OBJ: name });
}
