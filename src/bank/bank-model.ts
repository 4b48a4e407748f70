import { OnnxPair } from '../clip/index.js';
import { hash, hashParams } from '../files/index.js';
import { logitBias, type Model, type ModelSource, modelFingerprint, textLimit } from '../model/index.js';
import { type CompileOptions, OnnxFile } from '../runtime/index.js';
import { toOnnx } from '../tensor/index.js';
import { type Bank, isRouted } from './bank.js';
import { bankTextLimit, bankWidth } from './bank-embeds.js';
import { type BankGraphName, bankExportGraph, bankLogitFactor } from './bank-export.js';
import { bankWeights, sharedModel } from './bank-graph.js';

/** Changes whenever an answer of the bank may. */
export function bankFingerprint(bank: Bank): string {
  const tasks = bank.tasks.map(({ name, prompts, keys: { centroids, texts, threshold } }) => [
    name,
    hashParams({ ...prompts, centroids, texts }),
    threshold,
  ]);
  return hash(JSON.stringify([modelFingerprint(bank.frozen), hashParams(bank.shared), bank.routing, tasks]));
}

/**
 * A bank as a model that everything takes: where images are routed, the graphs of {@link bankExportGraph}, opened for
 * inference; otherwise the student with the weights that its tasks have learned. Whoever opens it disposes of its encoders.
 */
export async function bankModel(
  bank: Bank,
  options: Pick<CompileOptions, 'device' | 'threads'> = {},
  source?: ModelSource,
): Promise<Model> {
  if (!isRouted(bank)) return { ...sharedModel(bank), source };
  const { frozen } = bank;
  const weights = bankWeights(bank);
  const open = (name: BankGraphName) =>
    OnnxFile.open(toOnnx({ outputs: bankExportGraph(name, bank), initializers: weights }).bytes, options);
  const images = await open('vision_model');
  const texts = await open('text_model').catch(async (error) => {
    await images.dispose();
    throw error;
  });
  const { preprocess, tokenizer } = frozen;
  const config = bankConfig(bank);
  const scale = Math.log(bankLogitFactor(bank));
  const encoders = new OnnxPair(
    images,
    texts,
    config,
    preprocess,
    tokenizer,
    scale,
    bankFingerprint(bank),
    [],
    logitBias(frozen),
  );
  return { encoders, config, preprocess, tokenizer, source };
}

/** The student's configuration with the width and the text length of the bank's embeddings. */
export function bankConfig(bank: Bank): Bank['frozen']['config'] {
  const { config } = bank.frozen;
  const length = isRouted(bank) ? bankTextLimit(bank) : textLimit(bank.frozen);
  return {
    ...config,
    projection_dim: bankWidth(bank),
    text_config: { ...config.text_config, max_position_embeddings: length },
  };
}
