/** Words that name a split, and the split. Hugging Face's `imagefolder` knows the same ones. */
const words: ReadonlyMap<string, string> = new Map([
  ...['train', 'training', 'trn', 'restval', 'trainval'].map((word) => [word, 'train'] as const), // restval: Karpathy’s
  ...['val', 'valid', 'validation', 'validate', 'dev', 'minival'].map((word) => [word, 'val'] as const),
  ...['test', 'testing', 'tst', 'eval', 'evaluation', 'testdev'].map((word) => [word, 'test'] as const),
]);
/** Words that may stand beside them in the name of a folder or a file: `seg_train`, `test-images`, `train2017`. */
const besides = /^(sets?|data|datasets?|images?|imgs?|photos|images|split|seg|samples|full|\d{4})?$/;

/** A split's usual name: `train`, `val` or `test`, or its own in small letters. */
export function splitName(given: string): string {
  const name = given.trim().toLowerCase();
  return words.get(name) ?? name;
}

/** The split that the name of a folder says, in any case and with the usual words beside it; undefined where it is none. */
export function splitInName(name: string): string | undefined {
  const plain = name.normalize('NFC').trim().toLowerCase();
  const known = words.get(plain.replace(/[^a-z]/g, ''));
  if (known) return known;
  const parts = plain.split(/[^\p{L}\d]+/u).flatMap((part) => {
    const [, word, rest] =
      /^(training|train|validation|valid|val|testing|test)(sets?|data|images?|imgs?|\d{4})$/.exec(part) ?? [];
    return word === undefined ? [part] : [word, rest!];
  });
  const splits = parts.flatMap((part) => words.get(part) ?? []);
  const others = parts.filter((part) => !words.has(part));
  return splits.length === 1 && others.every((part) => besides.test(part)) ? splits[0] : undefined;
}
