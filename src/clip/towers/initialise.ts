import { Random } from '../../math/index.js';
import type { Params } from '../../nn/index.js';
import { elements } from '../../tensor/index.js';
import { expectedParams } from '../checkpoint/params.js';
import type { ClipConfig } from '../config.js';

/**
 * Random parameters for a CLIP or SigLIP model, as OpenAI's CLIP draws them (Radford et al. 2021, `initialize_parameters`):
 * attention and output weights by width^−½ scaled with depth, embeddings 0.02 and 0.01, norms 1 and 0.
 */
export function initClip(config: ClipConfig, seed: number): Params {
  const params: Params = {};
  for (const [name, shape] of Object.entries(expectedParams(config))) {
    const data = new Float32Array(elements(shape));
    const deviation = deviationOf(name, config);
    if (deviation !== undefined) {
      const random = new Random(seed, 'init', name);
      for (let i = 0; i < data.length; i++) data[i] = deviation * random.normal();
    } else if (name === 'logit_scale') data.fill(config.logit_scale_init_value);
    else if (name === 'logit_bias')
      data.fill(-10); // Zhai et al. 2023, section 3.2
    else if (/norm\d?\.weight$/.test(name)) data.fill(1);
    params[name] = { shape, data };
  }
  return params;
}

/** Standard deviation of a parameter's start; undefined for norms, biases and logit_scale. */
function deviationOf(name: string, config: ClipConfig): number | undefined {
  const tower =
    name.startsWith('vision_model') || name.startsWith('visual') ? config.vision_config : config.text_config;
  const width = tower.hidden_size;
  const depthScale = (2 * tower.num_hidden_layers) ** -0.5;
  if (/bias$/.test(name) || name === 'logit_scale' || /norm\d?\.weight$/.test(name)) return undefined;
  if (name.endsWith('token_embedding.weight')) return 0.02;
  if (name.startsWith('text_model') && name.endsWith('position_embedding.weight')) return 0.01;
  if (name.endsWith('patch_embedding.weight'))
    return (config.vision_config.num_channels * config.vision_config.patch_size ** 2) ** -0.5;
  if (name.endsWith('out_proj.weight')) return width ** -0.5 * depthScale;
  if (name.endsWith('fc2.weight')) return width ** -0.5 * depthScale;
  if (name.endsWith('fc1.weight')) return (2 * width) ** -0.5;
  return width ** -0.5;
}
