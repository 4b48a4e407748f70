import { type EmojiScene, openScenes } from '../../../data/index.js';
import { hash } from '../../../files/index.js';
import { grouped, Random } from '../../../math/index.js';
import { type Made, questionsOf, type SceneFacts, type Words } from './programs.js';
import { answerTypeOf, type Question, type VqaDataset, vqaFingerprint } from './question.js';

/** Of the pairs of a colour and a thing, one in so many is held out of training. */
const heldOutOf = 5;

/** Whether a red cactus, say, is never trained on: decided by its name alone. */
export const isHeldOut = (colour: string, name: string): boolean =>
  Number.parseInt(hash(`emoji-vqa ${colour} ${name}`).slice(0, 8), 16) % heldOutOf === 0;

/**
 * `emoji-vqa`: questions about the scenes of `emoji-scenes`, made by programs, each with one right answer.
 *
 * Splits: `train`, `val` and `test`, from scenes of the same splits, whose drawings differ; `pairs`, from test scenes, about colours
 * of things that no training scene shows together; `novel`, scenes of things that no training scene shows. The answers of
 * each form of question are equally frequent within a split, so that nothing is learned from the question alone.
 */
export async function openEmojiVqa(): Promise<VqaDataset> {
  const { dataset: images, scenes } = await openScenes();
  const splits: Record<string, Question[]> = {};
  for (const [split, examples] of Object.entries(images.splits)) {
    const known = examples.map(({ id }) => ({ id, facts: factsOf(scenes.get(id)!) }));
    const words = wordsOf(known.map(({ facts }) => facts));
    const made = known.flatMap(({ id, facts }) => {
      const hidden = facts.kinds.some(({ name, colour }) => colour !== undefined && isHeldOut(colour, name));
      return questionsOf(facts, words, new Random('emoji-vqa', id)).map((one) => ({ ...one, image: id, hidden }));
    });
    splits[split] = balanced(
      split,
      made.filter(({ hidden }) => split === 'novel' || !hidden),
    );
    if (split === 'test') {
      splits.pairs = balanced(
        'pairs',
        made.filter(({ pair }) => pair && isHeldOut(...pair)),
      );
    }
  }
  const { fingerprint } = images;
  return { name: 'emoji-vqa', images, splits, skipped: [], fingerprint: vqaFingerprint(fingerprint, splits) };
}

function factsOf({ groups, relation }: EmojiScene): SceneFacts {
  return {
    kinds: groups.map(({ name, paint, things }) => ({
      ...{ name, count: things.length },
      ...(paint && { colour: paint.name }),
    })),
    relation: relation === 'right of' ? 'left of' : 'above',
  };
}

function wordsOf(scenes: readonly SceneFacts[]): Words {
  const kinds = scenes.flatMap((scene) => scene.kinds);
  const sorted = (words: Iterable<string>) => [...new Set(words)].sort();
  return {
    names: sorted(kinds.map(({ name }) => name)),
    colours: sorted(kinds.flatMap(({ colour }) => colour ?? [])),
  };
}

type Placed = Made & { readonly image: string };

/** As many questions of each answer of a form as the rarest has; forms with many answers, as things are, stay as they are. */
function balanced(split: string, made: readonly Placed[]): Question[] {
  const forms = grouped(made, ({ form }) => form);
  const kept = [...forms].flatMap(([form, questions]) => {
    const byAnswer = [...grouped(questions, ({ answer }) => answer)].sort(([a], [b]) => (a < b ? -1 : 1));
    if (form === 'what') return questions;
    const least = Math.min(...byAnswer.map(([, some]) => some.length));
    return byAnswer.flatMap(([answer, some]) =>
      new Random('balance', split, form, answer).shuffle(some).slice(0, least),
    );
  });
  return kept
    .map(({ image, question, answer, skill }) => ({ image, question, answer, skill }))
    .sort((a, b) => (a.image < b.image ? -1 : a.image > b.image ? 1 : 0))
    .map(({ image, question, answer, skill }, i) => ({
      ...{ id: `${split}/${String(i).padStart(5, '0')}`, image, question, answers: [answer] },
      ...{ type: skill, answerType: answerTypeOf(answer) },
    }));
}
