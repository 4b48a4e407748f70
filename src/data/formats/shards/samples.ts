import type { Skipped } from '../../dataset.js';
import type { Pack, PackedImage } from '../../images/packed.js';
import { Remarks } from '../../remarks.js';
import { jsonTexts, textLines } from './sample-texts.js';

const images = new Set(['jpg', 'jpeg', 'jpe', 'jfif', 'png', 'webp', 'avif', 'gif', 'tif', 'tiff']);
const texts = new Set(['txt', 'text', 'caption', 'captions', 'json', 'cls', 'class', 'label']);
/** Words between a sample's key and the ending of its text: `0001.caption.txt`, `0001.cls.txt`. */
const words = /\.(captions?|text|txt|cls|class|label|json|metadata)$/i;

/** What a member of a shard is, by its name. */
export interface MemberKind {
  /** Its name without the ending; the members of a sample share it. */
  readonly stem: string;
  readonly kind: 'image' | 'caption' | 'json' | 'class';
}

/** @returns undefined for members that are neither image, caption nor class */
export function memberKind(name: string): MemberKind | undefined {
  const [, stem, ending] = /^((?:.*\/)?[^/]+)\.([^./]+)$/.exec(name) ?? [];
  const kind = ending?.toLowerCase() ?? '';
  if (stem === undefined) return undefined;
  if (images.has(kind)) return { stem, kind: 'image' };
  if (!texts.has(kind)) return undefined;
  const [word, base] = [words.exec(stem)?.[1]?.toLowerCase(), stem.replace(words, '')];
  if (kind === 'json') return { stem: base, kind: 'json' };
  const isClass = /^(cls|class|label)$/.test(kind) || (word !== undefined && /^(cls|class|label)$/.test(word));
  return { stem: base, kind: isClass ? 'class' : 'caption' };
}

/** A sample's key as WebDataset has it: the name up to its first dot. */
const firstKey = (stem: string): string => /^(?:.*\/)?[^./][^./]*/.exec(stem)?.[0] ?? stem;

type Texts = Partial<Record<'caption' | 'json' | 'class', string>>;

/**
 * Puts members of a shard together that have the same name before their endings, wherever they stand in it. An image
 * that has no text of its own name, and more dots in it (`0001.left.jpg`), gets those of the name up to the first dot.
 */
export class Samples {
  private readonly images = new Map<string, Omit<PackedImage, 'captions' | 'id'>>();
  private readonly texts = new Map<string, Texts>();
  /** Samples whose image cannot be used; their texts are no texts without an image. */
  private readonly lost = new Set<string>();
  readonly skipped: Skipped[] = [];
  private readonly remarks = new Remarks();

  get count(): number {
    return this.images.size;
  }

  addImage(stem: string, place: { readonly offset: number; readonly bytes: number; readonly sum: string }): void {
    if (!this.images.has(stem)) this.images.set(stem, place);
    else this.skipped.push({ id: stem, reason: 'another image has the same name' });
  }

  /** An image that cannot be used. */
  lose(stem: string, reason: string): void {
    this.lost.add(stem);
    this.skipped.push({ id: stem, reason });
  }

  addText(stem: string, kind: keyof Texts, text: string): void {
    const known = this.texts.get(stem);
    if (!known) this.texts.set(stem, { [kind]: text });
    else if (known[kind] === undefined) known[kind] = text;
    else this.remarks.add('texts of a sample that has one already: not read', `${stem}: ${kind}`);
  }

  finish(): Pick<Pack, 'images' | 'skipped' | 'remarks'> {
    const used = new Set<string>();
    const images: PackedImage[] = [];
    for (const [id, place] of this.images) {
      const key = this.texts.has(id) ? id : firstKey(id);
      used.add(key);
      // `0001.seg.png` beside `0001.jpg`.
      const isSecond = key !== id && this.images.has(key);
      if (isSecond) this.skipped.push({ id, reason: `it belongs to the image ${key}, and has no text of its own` });
      else if (isOutside(id)) this.skipped.push({ id, reason: 'its path leads out of the archive' });
      else {
        const texts = this.texts.get(key) ?? {};
        const said = saidOf(texts);
        if (texts.json !== undefined && said.captions.length === 0 && said.className === undefined)
          this.remarks.add('samples whose JSON says neither caption nor class', id);
        images.push({ id, ...said, ...place });
      }
    }
    const lost = new Set([...this.lost].flatMap((stem) => [stem, firstKey(stem)]));
    for (const key of this.texts.keys()) {
      if (used.has(key) || lost.has(key)) continue;
      const reason = isOutside(key)
        ? 'its path leads out of the archive'
        : 'there is no image (.jpg, .png, .webp) beside its text';
      this.skipped.push({ id: key, reason });
    }
    return { images, skipped: this.skipped, remarks: this.remarks.list() };
  }
}

const isOutside = (key: string): boolean => key.startsWith('/') || key.split('/').includes('..');

/** Captions and class of a sample's texts. An empty text does not hide what the JSON says. */
function saidOf({ caption = '', json = '', class: given = '' }: Texts): { captions: string[]; className?: string } {
  const own = textLines(caption);
  const said = jsonTexts(json);
  const className = given.trim() || said.className;
  return { captions: own.length > 0 ? own : said.captions, ...(className !== undefined && { className }) };
}
