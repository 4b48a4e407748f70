import { createHash } from 'node:crypto';
import type { Example, ImageTextDataset } from '../../dataset.js';
import { openWideEmoji } from '../emoji/index.js';
import { openScenes } from '../emoji-scenes/index.js';
import type { Scene } from '../emoji-scenes/scene.js';
import { allPairs, openEmojiPairs } from './index.js';
import { objects } from './objects.js';

/**
 * `emoji-pairs` and `emoji-scenes` together: `train` of both, the classes and all other splits of `emoji-pairs`. Scenes that
 * show a novel pair (a red cactus, two bells, a bus at night) are left out: of it neither image nor caption is ever seen.
 */
export const openPairsAndScenes = (): Promise<ImageTextDataset> => openTogether('emoji-pairs-scenes');

/** The same with `train` of `emoji-wide`: what a teacher of the built-in tasks is trained on. */
export const openEmojiAll = (): Promise<ImageTextDataset> => openTogether('emoji-all', openWideEmoji);

async function openTogether(name: string, more?: () => Promise<ImageTextDataset>): Promise<ImageTextDataset> {
  const [pairs, { scenes, dataset: drawn }, wide] = await Promise.all([openEmojiPairs(), openScenes(), more?.()]);
  const novel = novelPairs();
  const shown = drawn.splits.train!.filter(({ id }) => !showsNovel(scenes.get(id)!, novel));
  const parts = { pairs, scenes: drawn, ...(wide && { wide }) };
  const examples: readonly (readonly [keyof typeof parts, readonly Example[]])[] = [
    ['pairs', pairs.splits.train!],
    ['scenes', shown],
    ...(wide ? ([['wide', wide.splits.train!]] as const) : []),
  ];
  const own = new Map<string, readonly [keyof typeof parts, Example]>();
  const named = (part: keyof typeof parts, example: Example): Example => {
    const id = `${part}/${example.id}`;
    own.set(id, [part, example]);
    // Labels of the others are of other classes.
    const { label, boxes: _, ...rest } = example;
    return { ...rest, id, ...(part === 'pairs' && { label }) };
  };
  const train = examples.flatMap(([part, some]) => some.map((example) => named(part, example)));
  const { train: _, ...others } = pairs.splits;
  const kept = Object.entries(others).map(([split, some]) => [split, some.map((example) => named('pairs', example))]);
  const sets = [pairs, drawn, ...(wide ? [wide] : [])];
  const sum = createHash('sha256').update(
    JSON.stringify([...sets.map(({ fingerprint }) => fingerprint), train.map(({ id }) => id)]),
  );
  return {
    name,
    kind: 'drawings',
    classes: pairs.classes,
    splits: { train, ...Object.fromEntries(kept) },
    // A scene is drawn of what pairs are drawn of.
    skipped: [...pairs.skipped, ...(wide?.skipped ?? [])],
    fingerprint: `${name}-${sum.digest('hex').slice(0, 16)}`,
    load: ({ id }) => {
      const [part, example] = own.get(id)!;
      return parts[part]!.load(example);
    },
  };
}

/** `attribute object` of every novel pair. */
function novelPairs(): ReadonlySet<string> {
  return new Set(allPairs().flatMap(({ novel, attribute, object }) => (novel ? [`${attribute.name} ${object}`] : [])));
}

function showsNovel({ groups, background }: Scene, novel: ReadonlySet<string>): boolean {
  return groups.some(({ things, paint }) => {
    const { name } = things[0]!.sprite;
    if (!objects.includes(name)) return false;
    const shown = [
      paint?.name,
      things.length === 2 ? 'two' : undefined,
      background.noun === 'a night sky' ? 'at night' : undefined,
    ];
    return shown.some((attribute) => attribute !== undefined && novel.has(`${attribute} ${name}`));
  });
}
