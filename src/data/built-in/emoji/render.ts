import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { cacheFolder, keep, keepBytes, readKept } from '../../cache.js';
import type { ClassInfo, Example, RawImage, Skipped } from '../../dataset.js';
import { mapParallel } from '../../parallel.js';
import { drawingPackages, svgSide, versionOf } from './editions.js';
import type { EmojiIndex } from './split.js';

/** Side of a rendered drawing, in pixels. */
const size = 64;
const bytes = size * size * 4;
/** Raised when the choice of drawings or the rendering changes. */
const revision = 2;

/** The set as rendered: which drawings there are and where their pixels stand in the cache. */
interface RenderedIndex {
  readonly classes: readonly ClassInfo[];
  readonly splits: Readonly<Record<string, readonly Example[]>>;
  /** Ids in the order of the pixels. */
  readonly order: readonly string[];
  readonly skipped: readonly Skipped[];
  /** Of index and pixels. */
  readonly fingerprint: string;
}

/** The set as it is kept, with the checksum of its pixels. */
interface KeptIndex extends RenderedIndex {
  readonly pixels: string;
}

/**
 * A set as rendered, and a reader of its pixels. It is cached under its name; what is missing there, or is not as it was
 * written, is rendered again, and where nothing can be written, it is rendered for this run.
 */
export async function renderedEmoji(
  set: string,
  choose: () => EmojiIndex,
): Promise<RenderedIndex & { read(id: string): Promise<RawImage> }> {
  const name = `${set}-${size}-${packagesKey()}`;
  const known = await readKept(`${name}.json`);
  let index: RenderedIndex;
  let pixels: Promise<Uint8Array> | undefined;
  if (known === undefined || !existsSync(join(cacheFolder(), `${name}.rgba`))) {
    const rendered = await render(set, choose(), name);
    index = rendered.index;
    pixels = Promise.resolve(rendered.pixels);
  } else index = JSON.parse(known) as KeptIndex;
  const keptPixels = async (): Promise<Uint8Array> => {
    const kept = await readFile(join(cacheFolder(), `${name}.rgba`)).catch(() => undefined);
    if (kept && sumOf(kept) === (index as KeptIndex).pixels) return kept;
    return (await render(set, choose(), name)).pixels;
  };
  const place = new Map(index.order.map((id, i) => [id, i]));
  const { classes, splits, order, skipped, fingerprint } = index;
  return {
    ...{ classes, splits, order, skipped, fingerprint },
    async read(id) {
      pixels ??= keptPixels();
      const start = place.get(id)! * bytes;
      return { width: size, height: size, channels: 4, data: (await pixels).subarray(start, start + bytes) };
    },
  };
}

const sumOf = (pixels: Uint8Array): string => createHash('sha256').update(pixels).digest('hex');

/** Names the packages' exact versions, so that an update is rendered anew. */
function packagesKey(): string {
  const versions = drawingPackages.map((name) => `${name}@${versionOf(name)}`);
  return createHash('sha256')
    .update([revision, ...versions].join('\n'))
    .digest('hex')
    .slice(0, 12);
}

/** Renders all drawings, several at a time, and keeps them. The index is written last: where it stands, the pixels do. */
async function render(
  set: string,
  { classes, splits, svgs }: EmojiIndex,
  name: string,
): Promise<{ index: RenderedIndex; pixels: Uint8Array }> {
  const drawn = new Map<string, Uint8Array>();
  const skipped: Skipped[] = [];
  await mapParallel(Object.entries(svgs), async ([id, svg]) => {
    try {
      drawn.set(id, await rasterise(svg));
    } catch (error) {
      skipped.push({ id, reason: (error as Error).message });
    }
  });

  const kept = keepDrawn(splits, drawn);
  const order = Object.values(kept).flatMap((examples) => examples.map(({ id }) => id));
  const sum = createHash('sha256').update(JSON.stringify({ classes, kept }));
  for (const id of order) sum.update(drawn.get(id)!);
  const index: RenderedIndex = {
    classes,
    splits: kept,
    order,
    skipped,
    fingerprint: `${set}-${sum.digest('hex').slice(0, 16)}`,
  };
  const pixels = Buffer.concat(order.map((id) => drawn.get(id)!));
  if (await keepBytes(`${name}.rgba`, [pixels])) {
    await keep(`${name}.json`, JSON.stringify({ ...index, pixels: sumOf(pixels) } satisfies KeptIndex));
  }
  return { index, pixels };
}

function keepDrawn(splits: EmojiIndex['splits'], drawn: ReadonlyMap<string, unknown>) {
  return Object.fromEntries(
    Object.entries(splits).map(([name, examples]) => [name, examples.filter(({ id }) => drawn.has(id))]),
  );
}

/** SVG to [size, size, 4], drawn at twice the size so that thin lines survive. */
function rasterise(svg: string): Promise<Uint8Array> {
  return sharp(Buffer.from(svg), { density: 72 * 2 * (size / svgSide) })
    .resize(size, size)
    .ensureAlpha()
    .raw()
    .toBuffer();
}
