import { UserError } from '../errors.js';
import { hasTextRoom, modelWeights, type TowerModel } from '../model/index.js';
import type { Params } from '../nn/index.js';
import { deepPrompts } from '../prompt/index.js';
import { brief } from '../schema-issue.js';
import type { HostTensor } from '../tensor/index.js';
import type { Anchor, Bank, BankTask } from './bank.js';

/** Numbers of the joint space that images and texts of a student share. */
const jointWidth = ({ config, projector, classes }: Pick<TowerModel, 'config' | 'projector' | 'classes'>): number =>
  (projector && classes?.features.shape[1]) || config.projection_dim;

/**
 * Whether what a task keeps fits the student that its bank is of: a file may be whole and still be of another bank, or a
 * stranger's.
 *
 * @param place names the task's folder in errors
 * @throws UserError naming what does not fit
 */
export function checkTaskFits(
  task: BankTask,
  { frozen, routing }: Pick<Bank, 'frozen' | 'routing'>,
  place: string,
): void {
  const { keys, classes, prompts, replay } = task;
  const width = jointWidth(frozen);
  const fit = (name: string, got: HostTensor | undefined, ...expected: readonly (number | undefined)[]) => {
    const shape = got?.shape ?? [];
    const fits =
      shape.length === expected.length && shape.every((size, i) => size > 0 && size === (expected[i] ?? size));
    if (fits && got?.data instanceof Float32Array) return;
    const wanted = expected.map((size) => size ?? 'any').join(', ');
    throw new UserError(
      `${place}: ${brief(name)}: expected [${wanted}], got ${got ? brief(`[${shape.join(', ')}]`) : 'nothing'}: is the task of another student? ${remedy}`,
    );
  };
  fit('keys.centroids', keys.centroids, undefined, width);
  fit('keys.texts', keys.texts, classes.length, width);
  for (const [name, tensor] of Object.entries(prompts)) {
    const shape = promptShape(name, frozen, routing);
    if (!shape) throw new UserError(`${place}: expected no prompts of this name, got ${brief(name)}: ${remedy}`);
    fit(`prompts.${name}`, tensor, ...shape);
  }
  const counted = ['vision', 'text'].flatMap((tower) => deepPrompts(prompts, tower as 'vision' | 'text')).length;
  const beside = routing === 'mixture' && counted > 0 ? ['attention', 'key'] : [];
  for (const name of beside) fit(`prompts.${name}`, prompts[name], ...promptShape(name, frozen, routing)!);
  const text = frozen.prompts?.encoder ? undefined : prompts['text.0'];
  const layers = frozen.prompts?.encoder ? frozen.prompts.config.text_layers : undefined;
  const isShort = text && !hasTextRoom(frozen.config.text_config.max_position_embeddings, text.shape[0]!);
  const isOdd =
    layers !== undefined && counted > 0 && routing === 'nearest' && deepPrompts(prompts, 'text').length !== layers;
  if (isShort || isOdd || counted + beside.length !== Object.keys(prompts).length) {
    throw new UserError(`${place}: expected prompts that fit the student’s layers and texts: ${remedy}`);
  }
  if (!replay) return;
  const bytes = 3 * replay.side ** 2 * replay.labels.length;
  if (replay.pixels.length !== bytes || replay.labels.some((label) => label >= classes.length)) {
    throw new UserError(
      `${place}: replay: expected ${bytes} bytes of pixels and labels below ${classes.length}: ${remedy}`,
    );
  }
}

/** @throws UserError naming a weight that tasks share and the student does not have */
export function checkSharedFits(shared: Params, frozen: TowerModel, file: string): void {
  const own = modelWeights(frozen);
  for (const [name, { shape }] of Object.entries(shared)) {
    const expected = Object.hasOwn(own, name) ? own[name]!.shape : undefined;
    if (expected && `${expected}` === `${shape}`) continue;
    throw new UserError(
      `${file}: ${brief(name)}: expected ${expected ? `[${expected.join(', ')}]` : 'weights of the student alone'}, got ${brief(`[${shape.join(', ')}]`)}: ${remedy}`,
    );
  }
}

/** @throws UserError where an anchor is not of the student's weights, or lacks the half of one */
export function checkAnchorFits({ fisher, values }: Anchor, frozen: TowerModel, place: string): void {
  checkSharedFits(fisher, frozen, `${place}: anchor`);
  checkSharedFits(values, frozen, `${place}: anchor`);
  const one = Object.keys(fisher).find((name) => !Object.hasOwn(values, name));
  if (one !== undefined) throw new UserError(`${place}: anchor: expected a value for ${brief(one)}: ${remedy}`);
}

const remedy = 'copy the bank again, or forget the task';

/** What a task's prompts of a name have to be like; undefined where a task has none of this name. */
function promptShape(
  name: string,
  { config, prompts, projector, classes }: TowerModel,
  routing: Bank['routing'],
): readonly (number | undefined)[] | undefined {
  const width = jointWidth({ config, projector, classes });
  const [, tower, layer] = /^(vision|text)\.(0|[1-9]\d{0,2})$/.exec(name) ?? [];
  const isMixture = routing === 'mixture';
  if (tower === 'vision' && Number(layer) < config.vision_config.num_hidden_layers) {
    return [...(isMixture ? [undefined] : []), undefined, config.vision_config.hidden_size];
  }
  if (tower === 'text' && !isMixture && !projector && Number(layer) < config.text_config.num_hidden_layers) {
    return [prompts?.encoder ? prompts.config.n_ctx : undefined, config.text_config.hidden_size];
  }
  return isMixture && (name === 'attention' || name === 'key') ? [undefined, width] : undefined;
}
