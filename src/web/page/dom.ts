/** The page's element of an id. */
export function element<Type extends HTMLElement = HTMLElement>(id: string): Type {
  const found = document.getElementById(id);
  if (!found) throw new Error(`index.html: expected an element #${id}`);
  return found as Type;
}
