import { Busboy } from '@fastify/busboy';
import { brief, show } from '../../schema-issue.js';
import type { Holding } from './byte-budget.js';
import { badRequest, Fault } from './fault.js';
import { imageFormats, isImage } from './image-format.js';
import type { Incoming } from './incoming.js';
import { checkShape } from './json-shape.js';
import type { Settings } from './options.js';

/** A request's body: image files, and what is asked of them, not checked yet. */
export interface Body {
  readonly images: readonly Uint8Array[];
  readonly fields: Readonly<Record<string, unknown>>;
}

type Limits = Pick<
  Settings,
  'maxBodyBytes' | 'bodyWindowMs' | 'minBodyRate' | 'maxImages' | 'maxTexts' | 'maxTextLength'
>;

/** Of a field, in characters. */
const maxNameLength = 100;

/** Fields that a form may hold more than once. */
const ownLists = ['classes', 'templates', 'texts'];

/**
 * Reads a JSON body, with images in base64, or a form with images as files.
 *
 * @param holding counts its bytes as they come
 * @param lists fields of its own that a form may hold more than once
 * @throws Fault where it is neither, too large or says so, too slow, cut off, or an image is none; the signal's reason
 */
export async function readBody(
  incoming: Incoming,
  limits: Limits,
  holding: Holding,
  signal: AbortSignal,
  lists: readonly string[] = [],
): Promise<Body> {
  const type = incoming.headers['content-type'] ?? '';
  const isForm = /^multipart\/form-data\b/i.test(type);
  if (!isForm && !/^application\/json\b/i.test(type)) {
    throw new Fault(415, 'unsupported_type', 'content-type: expected application/json or multipart/form-data');
  }
  if (Number(incoming.headers['content-length'] ?? 0) > limits.maxBodyBytes) throw tooLarge(limits.maxBodyBytes);
  const bytes = await readAll(incoming, limits, holding, signal);
  holding.finish();
  const body = isForm ? await parseForm(bytes, type, limits, lists) : parseJson(bytes, limits);
  for (const [i, file] of body.images.entries()) {
    if (!isImage(file)) {
      throw new Fault(
        415,
        'unsupported_image',
        `images[${i}]: expected a ${imageFormats.slice(0, -1).join(', ')} or ${imageFormats.at(-1)!} file`,
      );
    }
  }
  return body;
}

function readAll(
  incoming: Incoming,
  { maxBodyBytes, bodyWindowMs, minBodyRate }: Limits,
  holding: Holding,
  signal: AbortSignal,
): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let [size, before] = [0, 0];
  return new Promise((resolve, reject) => {
    const end = (error?: unknown) => {
      clearInterval(pace);
      incoming.off('data', take).off('end', end).off('error', cut).off('close', cut);
      signal.removeEventListener('abort', stop);
      if (error === undefined) resolve(Buffer.concat(chunks, size));
      else reject(error);
    };
    const take = (chunk: Buffer) => {
      size += chunk.length;
      if (size > maxBodyBytes) end(tooLarge(maxBodyBytes));
      else {
        chunks.push(chunk);
        holding.take(chunk.length);
      }
    };
    // By the window, not on the whole: who sends much at first may not rest on it.
    const pace = setInterval(() => {
      if (size - before < (minBodyRate * bodyWindowMs) / 1000) {
        end(new Fault(408, 'slow_body', `expected a body at ${minBodyRate} bytes a second or faster`));
      }
      before = size;
    }, bodyWindowMs);
    const cut = () => end(badRequest('the body was cut off'));
    const stop = () => end(signal.reason);
    signal.addEventListener('abort', stop, { once: true });
    incoming
      .on('data', take)
      .on('end', () => end())
      .on('error', cut)
      .on('close', cut);
  });
}

function parseJson(bytes: Buffer, { maxImages, maxTexts }: Limits): Body {
  checkShape(bytes, maxImages + 4 * maxTexts + 100);
  let json: unknown;
  try {
    json = JSON.parse(bytes.toString('utf8'));
  } catch {
    throw badRequest('expected a JSON body');
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json)) throw badRequest('expected a JSON object');
  const { images = [], ...fields } = json as Record<string, unknown>;
  const long = Object.keys(fields).find((name) => name.length > maxNameLength);
  if (long !== undefined) throw badRequest(`unknown field ${brief(long)}`);
  if (!Array.isArray(images)) throw badRequest('images: expected a list of images in base64');
  checkCount(images.length, maxImages);
  return { images: images.map(decode), fields };
}

function decode(text: unknown, i: number): Uint8Array {
  if (typeof text !== 'string') throw badRequest(`images[${i}]: expected an image in base64`);
  if (/^https?:/i.test(text)) throw badRequest(`images[${i}]: expected an image in base64; addresses are not fetched`);
  const coded = text.startsWith('data:') ? text.slice(text.indexOf(',') + 1) : text;
  // Node would leave out what does not belong there, and end at the first sign of an end.
  const [wrong] = /[^\w+/= \t\r\n-]|=[^= \t\r\n]/.exec(coded) ?? [];
  if (wrong !== undefined) {
    throw badRequest(`images[${i}]: expected an image in base64, got ${JSON.stringify(wrong)} inside it`);
  }
  return Buffer.from(coded, 'base64');
}

/** Forms hold texts: numbers and yes or no are read from them. */
function parseForm(bytes: Buffer, type: string, limits: Limits, more: readonly string[]): Promise<Body> {
  const lists = new Set([...ownLists, ...more]);
  const { maxBodyBytes, maxImages, maxTexts, maxTextLength } = limits;
  return new Promise((resolve, reject) => {
    const fail = (message: string) => reject(badRequest(message));
    let form: InstanceType<typeof Busboy>;
    try {
      form = new Busboy({
        headers: { 'content-type': type },
        limits: {
          fieldNameSize: maxNameLength,
          fieldSize: 4 * maxTextLength,
          fields: maxTexts + 10,
          fileSize: maxBodyBytes,
          files: maxImages,
          headerPairs: 10,
          headerSize: 4096,
        },
      });
    } catch {
      return fail('content-type: expected a boundary');
    }
    const images: Buffer[] = [];
    const fields: Record<string, unknown> = Object.create(null);
    form.on('file', (name, file) => {
      if (name !== 'images') fail(`${show(name)}: expected files in the field images`);
      const parts: Buffer[] = [];
      const place = images.push(Buffer.alloc(0)) - 1;
      file.on('data', (part: Buffer) => parts.push(part));
      file.on('end', () => {
        images[place] = Buffer.concat(parts);
      });
      file.on('error', () => fail('the form was cut off'));
    });
    form.on('field', (name, value, _nameCut, valueCut) => {
      if (valueCut) fail(`${show(name)}: expected at most ${4 * maxTextLength} bytes`);
      if (lists.has(name)) {
        const values = name === 'classes' ? namesOf(value) : [value];
        fields[name] = [...((fields[name] as string[] | undefined) ?? []), ...values];
      } else if (name in fields) fail(`${show(name)}: expected once, got twice`);
      else fields[name] = name === 'model' ? value : scalar(value);
    });
    form.on('filesLimit', () => fail(`images: expected at most ${maxImages}`));
    form.on('fieldsLimit', () => fail(`expected at most ${maxTexts + 10} fields`));
    form.on('error', () => fail('expected a whole form: it is cut off or broken'));
    form.on('finish', () => resolve({ images, fields: { ...fields } }));
    form.end(bytes);
  });
}

/**
 * What is asked in the address too, as `?classes=cat,dog&top=3`, beside what is in the body.
 *
 * @throws Fault for a field of both
 */
export function withQuery(
  fields: Readonly<Record<string, unknown>>,
  query: Readonly<Record<string, readonly string[]>>,
  more: readonly string[] = [],
): Readonly<Record<string, unknown>> {
  const lists = new Set([...ownLists, ...more]);
  const asked = Object.entries(query).map(([name, values]) => {
    if (Object.hasOwn(fields, name))
      throw badRequest(`${show(name)}: expected once, got it in the address and the body`);
    if (name === 'classes') return [name, values.flatMap(namesOf)];
    if (lists.has(name)) return [name, values];
    if (values.length > 1) throw badRequest(`${show(name)}: expected once, got ${values.length} times`);
    return [name, name === 'model' ? values[0] : scalar(values[0]!)];
  });
  return asked.length === 0 ? fields : { ...fields, ...Object.fromEntries(asked) };
}

/** `cat, dog, "red, white and blue"`: names with commas between them, as people write them; one with a comma is quoted. */
export function namesOf(list: string): string[] {
  const names = [...list.matchAll(/\s*(?:"((?:[^"]|"")*)"\s*(?=,|$)|([^,]*))(?:,|$)/g)].map(([, quoted, plain]) =>
    (quoted?.replaceAll('""', '"') ?? plain ?? '').trim(),
  );
  return names.filter((name) => name !== '');
}

function scalar(value: string): unknown {
  if (value === 'true' || value === 'false') return value === 'true';
  return value.trim() !== '' && Number.isFinite(Number(value)) ? Number(value) : value;
}

function checkCount(count: number, most: number): void {
  if (count > most) throw badRequest(`images: expected at most ${most}, got ${count}`);
}

function tooLarge(limit: number): Fault {
  return new Fault(413, 'too_large', `expected a body of at most ${limit} bytes`);
}
