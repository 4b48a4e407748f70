import { describe, expect, it } from 'vitest';
import { articleOf } from '../../english/index.js';
import { UserError } from '../../errors.js';
import { expand, normalised } from './grammar.js';
import {
  checkTemplates,
  classText,
  drawTemplate,
  fillSlots,
  findTemplates,
  promptDomains,
  publishedEnsembles,
  render,
  slotChoices,
  templateLibrary,
} from './index.js';

const library = templateLibrary();

/** What is wrong with a text, by rules that do not ask the generator. */
function faultOf(text: string): string | undefined {
  if (!/[.?]$/.test(text)) return 'no end';
  const never = /[[\]{}<>|]| {2}| [.,?]|\bthe (?:the|an?)\b|\ban? (?:an?|the|my|some)\b|undefined/.exec(text);
  if (never) return never[0];
  const article = [...text.matchAll(/\b(an?) (\S+)/gi)].find(([, a, word]) => a!.toLowerCase() !== articleOf(word!));
  if (article) return article[0];
  // A plural takes neither a nor is; before another noun it only describes that.
  const plural = /\ban? (?:\w+ )?grapes\b(?! (?:texture|pattern|surface|structure))|\bgrapes (?:is|has|was)\b/.exec(
    text,
  );
  return plural?.[0] ?? /\b(?:there|here|picture|it) (?:is|was) (?:\w+ )?grapes/i.exec(text)?.[0];
}

describe('the library', () => {
  it('has more than 5,000 templates, each domain some hundreds, none twice', () => {
    expect(library.length).toBeGreaterThan(5000);
    expect(new Set(library.map(({ text }) => normalised(text))).size).toBe(library.length);
    expect(new Set(library.map(({ id }) => id)).size).toBe(library.length);
    expect(promptDomains).toHaveLength(14);
    for (const domain of promptDomains) expect(findTemplates({ domains: [domain] }).length).toBeGreaterThan(300);
    expect(findTemplates({ language: 'zh' }).every(({ domain }) => domain === 'general')).toBe(true);
    expect(library.every(({ tags }) => tags.length > 0)).toBe(true);
  });

  it('holds no text twice once slots are filled alike', () => {
    const filled = library.map((template) => drawTemplate(template, 0));
    // Different templates may meet by chance where a value says what the other's words do, but rarely.
    expect(new Set(filled.map(normalised)).size).toBeGreaterThan(library.length * 0.97);
  });

  it('uses every slot, and has several values for each', () => {
    const taken = new Set<string>();
    const poor: string[] = [];
    for (const template of library) {
      for (const [slot, values] of Object.entries(slotChoices(template))) {
        if (values.length < 3 || new Set(values).size < values.length) poor.push(`${template.id} ${slot}`);
        taken.add(slot);
      }
    }
    expect(poor).toEqual([]);
    expect([...taken].sort()).toEqual(
      ['ADJ', 'COLOUR', 'DEFECT', 'LIGHT', 'MATERIAL', 'MODALITY', 'PART', 'SCENE', 'STYLE', 'VIEW'].sort(),
    );
  });

  it.each(['apple', 'hour', 'unicorn', 'grapes', 'rice', 'the Eiffel Tower', 'MRI scanner', 'box of eggs'])(
    'is grammatical with %s',
    (name) => {
      const faulty = findTemplates().flatMap((template) => {
        const text = render(drawTemplate(template, 1), { OBJ: name });
        const fault = faultOf(text);
        return fault ? [`${template.id}: ${text}: ${fault}`] : [];
      });
      expect(faulty).toEqual([]);
    },
  );

  it('leaves Chinese class names and marks as they are', () => {
    for (const template of findTemplates({ language: 'zh' })) {
      expect(render(drawTemplate(template, 2), { OBJ: '苹果' })).toMatch(/^[^a-zA-Z[\] ]*苹果[^a-zA-Z[\] ]*。$/);
    }
  });

  it('finds by domain and tag, and names the nearest of what it has not', () => {
    expect(findTemplates({ domains: ['food'], tag: 'serving' }).length).toBeGreaterThan(10);
    expect(() => findTemplates({ domains: ['fod'] })).toThrow('domain fod: not in the library; did you mean food?');
    expect(() => findTemplates({ domains: ['food'], tag: 'servin' })).toThrow('did you mean serving?');
    expect(() => findTemplates({ domains: ['food'], language: 'zh' })).toThrow(UserError);
  });
});

describe('render', () => {
  it.each([
    ['a photo of [OBJ].', { OBJ: 'apple' }, 'a photo of an apple.'],
    ['a photo of [OBJ].', { OBJ: 'hour' }, 'a photo of an hour.'],
    ['a photo of [OBJ].', { OBJ: 'unicorn' }, 'a photo of a unicorn.'],
    ['a photo of [OBJ].', { OBJ: 'x-ray' }, 'a photo of an x-ray.'],
    ['a photo of [OBJ].', { OBJ: 'grapes' }, 'a photo of grapes.'],
    ['a photo of [OBJ].', { OBJ: 'cooked rice' }, 'a photo of cooked rice.'],
    ['a photo of [OBJ].', { OBJ: 'the Eiffel Tower' }, 'a photo of the Eiffel Tower.'],
    ['a photo of [OBJ].', { OBJ: 'riding a horse' }, 'a photo of riding a horse.'],
    ['a photo of [OBJ].', { OBJ: { name: 'Paris', kind: 'proper' } }, 'a photo of Paris.'],
    ['a photo of the [NAME].', { OBJ: 'the Eiffel Tower' }, 'a photo of the Eiffel Tower.'],
    [
      'a photo of [ADJ OBJ] in [SCENE].',
      { OBJ: 'car', ADJ: 'old', SCENE: 'a city' },
      'a photo of an old car in a city.',
    ],
    ['a photo of [ADJ OBJ].', { OBJ: 'sunglasses', ADJ: 'old' }, 'a photo of old sunglasses.'],
    ['many [OBJS] and a [VIEW].', { OBJ: 'ear of corn', VIEW: 'aerial view' }, 'many ears of corn and an aerial view.'],
    ['[Obj] and where [is|are] the [NAME]?', { OBJ: 'scissors' }, 'Scissors and where are the scissors?'],
    ['somebody [ACTION], [ACTION].', { OBJ: 'archery' }, 'somebody doing archery, doing archery.'],
    ['somebody [ACTION].', { OBJ: 'playing guitar' }, 'somebody playing guitar.'],
  ] as const)('%s', (template, slots, text) => expect(render(template, slots)).toBe(text));

  it.each([
    ['a [VIEW] of [OBJ]', { OBJ: 'cat' }, 'expected a value for VIEW, got none'],
    ['a photo of [OBJ]', {}, 'expected a value for OBJ, got none'],
    ['a photo of [OBJ]', { OBJ: ' ' }, 'expected a word, got an empty one'],
    ['a photo of [OBJ] in [SCENE]', { OBJ: 'cat', SCENES: 'x', SCENE: 'y' }, 'no slot SCENES; did you mean SCENE?'],
    ['a photo of [OBJ]', { OBJ: 'cat', SCENE: 'y' }, 'no slot SCENE; it has none but the class name'],
    ['a photo of [OBJ] in [SCNE]', { OBJ: 'cat' }, 'unknown slot [SCNE]; did you mean [SCENE]?'],
    ['a photo of [small SCENE]', { OBJ: 'cat' }, 'words may stand before OBJ alone'],
    ['a photo of [OBJ', { OBJ: 'cat' }, 'expected every [ to be closed by a ]'],
  ])('refuses %s with %j', (template, slots, reason) => {
    expect(() => render(template, slots)).toThrow(reason);
    expect(() => render(template, slots)).toThrow(UserError);
  });

  it('leaves the class name open where only the other slots are filled', () => {
    const text = fillSlots('a [VIEW] of [ADJ OBJ], [is|are] it?', { VIEW: 'overhead view', ADJ: 'old' });
    expect(text).toBe('an overhead view of [old OBJ], [is|are] it?');
    expect(render(text, { OBJ: 'cars' })).toBe('an overhead view of old cars, are it?');
  });
});

describe('published ensembles', () => {
  it('are whole, distinct and credited', () => {
    const ensemble = (name: string) => publishedEnsembles.find((e) => e.name === name)!.templates;
    expect(ensemble('openai-imagenet')).toHaveLength(80);
    expect(ensemble('openai-imagenet-select')).toHaveLength(7);
    expect(ensemble('promptsrc-imagenet')).toHaveLength(60);
    expect(ensemble('openai-cifar')).toHaveLength(18);
    expect(publishedEnsembles.filter(({ name }) => name.startsWith('coop-'))).toHaveLength(11);
    for (const { templates, source, licence } of publishedEnsembles) {
      expect(new Set(templates).size).toBe(templates.length);
      expect(source).toMatch(/^https:\/\/github\.com\//);
      expect(licence).toBe('MIT');
      checkTemplates(templates);
    }
    // The seven are a choice of the eighty.
    expect(ensemble('openai-imagenet')).toEqual(expect.arrayContaining([...ensemble('openai-imagenet-select')]));
    expect(classText(ensemble('openai-imagenet-select')[2]!, 'owl')).toBe('a origami owl.');
  });
});

describe('templates of a classifier', () => {
  it('take {} as it is and slots with their grammar', () => {
    expect(classText('a photo of a {} or {}', '$& owl')).toBe('a photo of a $& owl or $& owl');
    expect(classText('a photo of [OBJ]', 'owl')).toBe('a photo of an owl');
    // Articles do not double.
    expect(classText('a photo of a {}', 'a cat')).toBe('a photo of a cat');
    expect(classText('a photo of the {}, an {}', 'the moon')).toBe('a photo of the moon, the moon');
    expect(classText('a {} photo', 'my dog')).toBe('my dog photo');
  });

  it.each([
    [[], 'expected at least one'],
    [['a photo'], 'expected {} or [OBJ] where the class name stands, got "a photo"'],
    [['a photo of [OBJ] in [SCENE]'], 'fill the slot SCENE first'],
    [['a photo of [OBJX]'], 'unknown slot [OBJX]'],
  ])('are refused: %j', (templates, reason) => expect(() => checkTemplates(templates)).toThrow(reason));
});

describe('grammar', () => {
  it('expands every choice, the last first, and mends articles and spaces', () => {
    const parts = { a: ['', 'old'], b: ['photo', 'image'] };
    expect(expand('a <a> <b> .', parts)).toEqual(['a photo.', 'an image.', 'an old photo.', 'an old image.']);
    expect(() => expand('<c>', parts)).toThrow('unknown part <c>');
  });
});
