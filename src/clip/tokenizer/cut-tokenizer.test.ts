import { describe, expect, it } from 'vitest';
import { UserError } from '../../errors.js';
import { trainTokenizer } from './bpe-trainer.js';
import { cutTokenizer } from './cut-tokenizer.js';
import { loadTokenizer } from './load-tokenizer.js';
import { tokenizerFromJson, vocabulary } from './tokenizer.js';

const shipped = await loadTokenizer('models/emoji-teacher');
const namesOf = ({ json }: { json: typeof shipped.json }) =>
  new Map([...vocabulary(json)].map(([name, id]) => [id, name]));

describe('a tokenizer without the tokens that some texts do not need', () => {
  const texts = ['a drawing of a fox', 'two red bells', 'grinning cat, with heart-shaped eyes'];
  const { tokenizer, kept } = cutTokenizer(shipped, texts);

  it('cuts these texts as before, start, end and padding included', () => {
    expect(kept.length).toBeLessThan(shipped.vocabSize - 300);
    expect(tokenizer.vocabSize).toBe(kept.length);
    const [before, after] = [shipped.encode(texts, 20), tokenizer.encode(texts, 20)];
    expect([...after.ids].map((id) => kept[id])).toEqual([...before.ids]);
    expect(after.eos).toEqual(before.eos);
    expect(Math.max(tokenizer.startId!, tokenizer.endId)).toBe(kept.length - 1);
  });

  it('reads any other text in smaller pieces, with nothing lost', () => {
    const other = 'An octopus wearing spectacles, naïvely 東京';
    const spelt = (one: typeof shipped) => one.tokens(other).map((id) => namesOf(one).get(id)!);
    expect(spelt(tokenizer).join('')).toBe(spelt(shipped).join(''));
    expect(spelt(tokenizer).length).toBeGreaterThan(spelt(shipped).length);
  });

  it('is the same after it was written and read, with merges as pairs and another post-processor, too', () => {
    expect(tokenizerFromJson(JSON.parse(JSON.stringify(tokenizer.json))).encode(texts, 20)).toEqual(
      tokenizer.encode(texts, 20),
    );
    const json = trainTokenizer([...texts, ...texts], 600);
    const { model } = json;
    const [start, end] = json.added_tokens;
    const one = ({ content, id }: typeof start & object) => [content, { id: content, ids: [id], tokens: [content] }];
    const special = (content: string) => ({ SpecialToken: { id: content, type_id: 0 } });
    const other = tokenizerFromJson({
      ...json,
      model: { ...model, merges: (model.merges as string[]).map((rule) => rule.split(' ')) },
      post_processor: {
        type: 'TemplateProcessing',
        single: [special(start!.content), { Sequence: { id: 'A', type_id: 0 } }, special(end!.content)],
        pair: [],
        special_tokens: Object.fromEntries([one(start!), one(end!)]),
      },
    });
    const cut = cutTokenizer(other, texts.slice(0, 1));
    expect(cut.kept.length).toBeLessThan(other.vocabSize);
    const ids = [...cut.tokenizer.encode(texts.slice(0, 1), 12).ids];
    expect(ids.map((id) => cut.kept[id])).toEqual([...other.encode(texts.slice(0, 1), 12).ids]);
  });

  it('refuses a tokenizer that does not merge bytes', () => {
    const unigram = { ...shipped, json: { ...shipped.json, model: { type: 'Unigram', vocab: {} } } };
    expect(() => cutTokenizer(unigram, texts)).toThrow(UserError);
    expect(() => cutTokenizer(unigram, texts)).toThrow(
      'student.tokens: task: expected a teacher whose tokenizer merges bytes',
    );
  });
});
