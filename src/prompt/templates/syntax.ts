import { articleOf, beginsWithDoing, indefinite, type Noun, nounOf, pluralOf } from '../../english/index.js';
import { closest, UserError } from '../../errors.js';
import { brief, show } from '../../schema-issue.js';

/** Slots that a value fills; what stands in them is for the searcher or the user to choose. */
export const valueSlots = [
  'ADJ',
  'COLOUR',
  'DEFECT',
  'LIGHT',
  'MATERIAL',
  'MODALITY',
  'PART',
  'SCENE',
  'STYLE',
  'VIEW',
] as const;
/** A slot of a template beside the class name's, as `[COLOR]`. */
export type ValueSlot = (typeof valueSlots)[number];

/**
 * Slots that the class name fills, all from the one value `OBJ`: with its article (`an apple`, `grapes`), many of it
 * (`apples`), as it is (`apple`), and as what somebody does (`riding a horse`, `doing archery`).
 */
export const classSlots = ['OBJ', 'OBJS', 'NAME', 'ACTION'] as const;
type ClassSlot = (typeof classSlots)[number];

/** What fills a template's slots. */
export type SlotValues = Readonly<Partial<Record<ValueSlot, string>>>;

/** Of a template: a text has room for far fewer. */
const [maxLength, maxSlots] = [10_000, 100];

/** What is wrong with a template that is larger than any text, or undefined. */
export function tooLarge(template: string): string | undefined {
  if (template.length > maxLength) return `expected at most ${maxLength} characters, got ${template.length}`;
  const slots = template.split(/\{\}|\[/).length - 1;
  return slots > maxSlots ? `expected at most ${maxSlots} slots, got ${slots}` : undefined;
}

type Piece =
  | { readonly kind: 'text'; readonly text: string }
  /** `[VIEW]`, `[OBJS]`; `[Obj]` begins with a capital; `[small ADJ OBJ]` has words before the class name. */
  | {
      readonly kind: 'slot';
      readonly slot: ValueSlot | ClassSlot;
      readonly before: readonly string[];
      capital: boolean;
    }
  /** `[is|are]`: the second where the class name is a plural. */
  | { readonly kind: 'number'; readonly singular: string; readonly plural: string };

const isValueSlot = (word: string): word is ValueSlot => (valueSlots as readonly string[]).includes(word);
const isClassSlot = (word: string): word is ClassSlot => (classSlots as readonly string[]).includes(word);

/**
 * The pieces of a template. @throws UserError for an unknown slot, with the nearest, or a bracket that is not closed
 */
function parse(template: string): Piece[] {
  const refuse = (reason: string) => new UserError(`template ${show(template)}: ${reason}`);
  const fault = tooLarge(template);
  if (fault !== undefined) throw refuse(fault);
  const pieces = template.split(/(\[[^[\]]*\])/).filter((part) => part !== '');
  return pieces.map((part): Piece => {
    if (!part.startsWith('[') || !part.endsWith(']')) {
      if (/[[\]]/.test(part)) throw refuse('expected every [ to be closed by a ]');
      return { kind: 'text', text: part };
    }
    const inside = part.slice(1, -1);
    const forms = inside.split('|');
    if (forms.length === 2) return { kind: 'number', singular: forms[0]!, plural: forms[1]! };
    const words = inside.trim().split(/\s+/);
    const last = words.pop() as string;
    const slot = last.toUpperCase();
    const known = [...classSlots, ...valueSlots];
    if (!isClassSlot(slot) && !isValueSlot(slot)) {
      const near = closest(last, known);
      throw refuse(
        `unknown slot [${brief(last)}]; ${near ? `did you mean [${near}]?` : `known here: ${known.join(', ')}`}`,
      );
    }
    if (words.length > 0 && slot !== 'OBJ') throw refuse(`[${brief(inside)}]: words may stand before OBJ alone`);
    const unknown = words.find((word) => /^[A-Z]{2,}$/.test(word) && !isValueSlot(word));
    if (unknown)
      throw refuse(`unknown slot ${brief(unknown)} in [${brief(inside)}]; known here: ${valueSlots.join(', ')}`);
    return { kind: 'slot', slot, before: words, capital: /^[A-Z][a-z]/.test(last) };
  });
}

/** The slots that values fill, each once, in the order they stand. */
export function valueSlotsOf(template: string): ValueSlot[] {
  const found = parse(template).flatMap((piece) =>
    piece.kind === 'slot' ? [...piece.before, piece.slot].filter(isValueSlot) : [],
  );
  return [...new Set(found)];
}

/** Whether a class name stands somewhere in it. */
export function namesClass(template: string): boolean {
  return parse(template).some((piece) => piece.kind === 'slot' && isClassSlot(piece.slot));
}

/**
 * A template with its value slots filled and the class name still open: `a [VIEW] of [ADJ OBJ]` →
 * `an aerial view of [old OBJ]`.
 *
 * @throws UserError for a slot without a value, or a value without a slot
 */
export function fillSlots(template: string, values: SlotValues): string {
  const slots = valueSlotsOf(template);
  const refuse = (reason: string) => new UserError(`template ${show(template)}: ${reason}`);
  for (const given of Object.keys(values)) {
    if ((slots as string[]).includes(given)) continue;
    const near = closest(given, slots);
    const has = slots.length > 0 ? `it has ${slots.join(', ')}` : 'it has none but the class name';
    throw refuse(`no slot ${brief(given)}; ${near ? `did you mean ${near}?` : has}`);
  }
  const value = (slot: ValueSlot): string => {
    const text = values[slot]?.trim();
    if (!text) throw refuse(`expected a value for ${slot}, got none`);
    return text;
  };
  return join(
    parse(template).map((piece) => {
      if (piece.kind === 'text') return piece.text;
      if (piece.kind === 'number') return `[${piece.singular}|${piece.plural}]`;
      const { slot, before, capital } = piece;
      if (isValueSlot(slot)) return capital ? capitalised(value(slot)) : value(slot);
      const name = capital ? slot[0] + slot.slice(1).toLowerCase() : slot;
      return `[${[...before.map((word) => (isValueSlot(word) ? value(word) : word)), name].join(' ')}]`;
    }),
  );
}

/** What fills a template: the class name, as text or as a noun whose kind is known, and the other slots. */
export type Slots = SlotValues & { readonly OBJ?: string | Noun };

/**
 * A template as a text: `render('a photo of [ADJ OBJ].', { ADJ: 'old', OBJ: 'car' })` → `a photo of an old car.`
 *
 * @throws UserError for a slot without a value, a value without a slot, an unknown slot, or an empty class name
 */
export function render(template: string, slots: Slots): string {
  const { OBJ, ...values } = slots;
  const filled = fillSlots(template, values);
  const pieces = parse(filled);
  if (!pieces.some(({ kind }) => kind !== 'text')) return filled;
  if (OBJ === undefined) throw new UserError(`template ${show(template)}: expected a value for OBJ, got none`);
  const noun = typeof OBJ === 'string' ? nounOf(OBJ) : OBJ;
  return join(
    pieces.map((piece) => {
      if (piece.kind === 'text') return piece.text;
      if (piece.kind === 'number') return noun.kind === 'plural' ? piece.plural : piece.singular;
      const text = classForm(noun, piece.slot as ClassSlot, piece.before.join(' '));
      return piece.capital ? capitalised(text) : text;
    }),
  );
}

function classForm(noun: Noun, slot: ClassSlot, before: string): string {
  switch (slot) {
    case 'OBJ':
      return indefinite(noun, before);
    case 'OBJS':
      return pluralOf(noun);
    case 'NAME':
      return noun.name;
    case 'ACTION':
      return beginsWithDoing(noun.name) ? noun.name : `doing ${noun.name}`;
  }
}

/** Pieces in a row; `a` or `an` at the end of one follows the sound of the next. */
function join(pieces: readonly string[]): string {
  return pieces.reduce((text, piece) => {
    if (piece.startsWith('[')) return text + piece;
    return text.replace(/\b([Aa])n? $/, (_, a: string) => `${a}${articleOf(piece).slice(1)} `) + piece;
  }, '');
}

const capitalised = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);
