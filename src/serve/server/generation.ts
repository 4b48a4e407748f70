import { existsSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { shippedModel, splitVariant } from '../../clip/index.js';
import { SearchIndex } from '../../embed/index.js';
import { UserError } from '../../errors.js';
import { type Confidence, type RemoteModel, readCascade, remoteModel, type SavedCascade } from '../cascade/index.js';
import { OpenExtensions } from './extension.js';
import type { Metrics } from './metrics.js';
import type { Settings } from './options.js';
import { checkSearched } from './search.js';
import { ServedModel } from './served-model.js';

/** A cascade whose models are there. */
export interface ServedCascade {
  readonly saved: SavedCascade;
  readonly confidence: Confidence;
  /** The first stage, which embeddings and default classes come from. */
  readonly first: ServedModel;
  /** Where each stage's logits come from. */
  readonly sources: readonly (ServedModel | RemoteModel)[];
}

export interface Served {
  readonly name: string;
  readonly model: ServedModel;
  readonly cascade?: ServedCascade;
}

/** Models as they were loaded together. A reload makes a new one; the old one ends after its last request. */
export class Generation {
  private users = 0;
  private idle: (() => void) | undefined;

  private constructor(
    readonly byName: ReadonlyMap<string, Served>,
    private readonly opened: readonly ServedModel[],
    readonly extensions: OpenExtensions,
    /** What is searched. */
    readonly index?: SearchIndex,
  ) {}

  /** @throws UserError where a model or a cascade cannot be read, or two have one name */
  static async open(settings: Settings, metrics: Metrics): Promise<Generation> {
    // Before any model: what is wrong with it is known at once.
    const index = settings.search === undefined ? undefined : await SearchIndex.open(settings.search);
    const opened = new Map<string, ServedModel>();
    const open = async (name: string, path: string): Promise<ServedModel> => {
      const { model: folder, dtype = '' } = splitVariant(path);
      const key = `${existsSync(folder) ? resolve(folder) : folder}#${dtype}`;
      const model = opened.get(key) ?? (await ServedModel.open(name, path, settings, metrics));
      opened.set(key, model);
      return model;
    };
    const byName = new Map<string, Served>();
    try {
      for (const given of settings.models) {
        const { name, path } = named(given);
        if (byName.has(name)) {
          throw new UserError(`models: expected each name once, got ${name} twice: name one as other=${path}`);
        }
        byName.set(
          name,
          path.endsWith('.json') ? await openCascade(name, path, open) : { name, model: await open(name, path) },
        );
      }
      if (index) await checkSearched(index, byName);
      return new Generation(byName, [...opened.values()], await OpenExtensions.open(settings), index);
    } catch (error) {
      for (const model of opened.values()) await model.close();
      throw error;
    }
  }

  /** Images that wait, by model. */
  waiting(): [name: string, images: number][] {
    return this.opened.map((model) => [model.name, model.waiting]);
  }

  /** Keeps the models until the function that is returned is called. */
  acquire(): () => void {
    this.users++;
    return () => {
      this.users--;
      if (this.users === 0) this.idle?.();
    };
  }

  /** Ends the models after the last request that uses them. */
  async retire(): Promise<void> {
    if (this.users > 0) await new Promise<void>((done) => (this.idle = done));
    await Promise.all([...this.opened.map((model) => model.close()), this.extensions.close()]);
  }
}

/** `name=path`, or a path whose last part is the name; of a variant `folder#q4` the name is `folder-q4`. */
function named(given: string): { name: string; path: string } {
  const equals = given.indexOf('=');
  const path = equals < 0 ? given : given.slice(equals + 1);
  const { model, dtype } = splitVariant(path);
  const own = [
    basename(resolve(shippedModel(model))).replace(/\.json$/, ''),
    ...(dtype === undefined ? [] : [dtype]),
  ].join('-');
  const name = equals < 0 ? own : given.slice(0, equals);
  if (!/^[\w.-]{1,100}$/.test(name) || path === '') {
    throw new UserError(`models: expected path or name=path, the name of letters, digits, . _ and -, got ${given}`);
  }
  return { name, path };
}

async function openCascade(
  name: string,
  file: string,
  open: (name: string, path: string) => Promise<ServedModel>,
): Promise<Served> {
  const saved = await readCascade(file);
  // All servers before any model: what is wrong with them is known at once.
  const given = saved.stages.map((stage, s) => ('url' in stage ? remoteModel(file, s, stage) : stage.model));
  const sources: (ServedModel | RemoteModel)[] = [];
  for (const [s, one] of given.entries()) {
    sources.push(typeof one === 'string' ? await open(`${name}.${s}`, one) : one);
  }
  const [first] = sources;
  if (!(first instanceof ServedModel)) throw new UserError(`${file}: stages.0: expected a model here, not a server`);
  return { name, model: first, cascade: { saved, confidence: saved.confidence, first, sources } };
}
