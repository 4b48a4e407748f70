/** Words that name a split, by the split. Hugging Face's `imagefolder` knows the English ones. */
const wordsOf: Readonly<Record<string, string>> = {
  // restval: Karpathy’s
  train: `train training trn restval trainval
    entrainement entraînement apprentissage entrenamiento treino treinamento addestramento allenamento
    trainings trainingsdaten trainingsbilder trainingsset treningowy eğitim обучение обучающая 训练 訓練 学習 훈련 학습`,
  val: `val valid validation validate validating dev devel development minival
    validación validacion validação validacao validazione validierung validierungsdaten validatie doğrulama
    валидация 验证 驗證 検証 검증`,
  test: `test testing tst eval evaluation testdev holdout heldout
    prueba pruebas teste testes testdaten testbilder testowy тест тестовая 测试 測試 テスト 테스트`,
};
const words: ReadonlyMap<string, string> = new Map(
  Object.entries(wordsOf).flatMap(([split, names]) => names.split(/\s+/).map((name) => [name.normalize('NFC'), split])),
);
/** Words that may stand beside them in the name of a folder or a file: `seg_train`, `test-images`, `train2017`. */
const besides =
  /^(sets?|data|datasets?|images?|imgs?|photos|pictures|split|folder|seg|samples|full|all|cropped|resized|v?\d+k?|数据|数据集|图片|图像|样本|データ|画像)?$/;
/** Chinese, Japanese and Korean write such words without a space. */
const joined = /^(训练|訓練|学習|훈련|학습|验证|驗證|検証|검증|测试|測試|テスト|테스트)(集|用)?(.*)$/;

/** A split's usual name: `train`, `val` or `test`, or its own in small letters. */
export function splitName(given: string): string {
  const name = given.trim().toLowerCase();
  // A number beside the word tells splits apart.
  return words.get(name) ?? (/\d/.test(name) ? name : (splitInName(name) ?? name));
}

/** The parts of a name: its one word for a split, and the others; undefined where it has none or several. */
function taken(name: string): { readonly split: string; readonly others: readonly string[] } | undefined {
  const plain = name.normalize('NFC').trim().toLowerCase();
  const known = words.get(plain.replace(/[^a-z]/g, ''));
  if (known && !/\p{L}/u.test(plain.replace(/[a-z]/g, ''))) return { split: known, others: [] };
  const parts = plain.split(/[^\p{L}\d]+/u).flatMap((part) => {
    const [, word, rest] =
      /^(training|train|validation|valid|val|testing|test)(sets?|data|images?|imgs?|\d{4})$/.exec(part) ?? [];
    if (word !== undefined) return [word, rest!];
    const [, east, , more] = joined.exec(part) ?? [];
    return east === undefined ? [part] : [east, more!];
  });
  const splits = parts.flatMap((part) => words.get(part) ?? []);
  if (splits.length !== 1) return undefined;
  return { split: splits[0]!, others: parts.filter((part) => !words.has(part) && !besides.test(part)) };
}

/** The split that the name of a folder says, in any case and with the usual words beside it; undefined where it is none. */
export function splitInName(name: string): string | undefined {
  const { split, others } = taken(name) ?? {};
  return others?.length === 0 ? split : undefined;
}

/**
 * The splits that folders beside each other name: those of {@link splitInName}, and where they name at least two splits
 * and are otherwise alike, as `chest_xray_train` and `chest_xray_test`, those too.
 */
export function splitsInNames(names: readonly string[]): ReadonlyMap<string, string> {
  const splits = new Map(names.flatMap((name) => (splitInName(name) ? [[name, splitInName(name)!]] : [])));
  const alike = new Map<string, Map<string, string>>();
  for (const name of names) {
    const { split, others = [] } = taken(name) ?? {};
    if (split === undefined || others.length === 0) continue;
    const key = others.join(' ');
    const known = alike.get(key);
    if (known) known.set(name, split);
    else alike.set(key, new Map([[name, split]]));
  }
  for (const group of alike.values()) {
    if (new Set(group.values()).size >= 2) for (const [name, split] of group) splits.set(name, split);
  }
  return splits;
}
