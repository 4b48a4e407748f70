/** What a run made that has finished. @throws Error where it has not */
export function made<T extends { readonly finished: boolean }>(run: T): Extract<T, { readonly finished: true }> {
  if (!run.finished) throw new Error('the run did not finish');
  return run as Extract<T, { readonly finished: true }>;
}
