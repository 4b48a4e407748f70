import { initClip } from '../clip/towers/initialise.js';
import { teacher, config as usual } from '../test/colours.fixture.js';

// Graphs are compiled many times here.
const one = { num_hidden_layers: 1 };

/** One block a tower. */
export const config = {
  ...usual,
  text_config: { ...usual.text_config, ...one },
  vision_config: { ...usual.vision_config, ...one },
};
export const student = { ...teacher, config, params: initClip(config, 4) };
