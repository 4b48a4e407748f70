import { examplesOf, isLabelled } from '../../data/index.js';
import { UserError } from '../../errors.js';
import { imageLatency } from '../../evaluate/index.js';
import { modelWeights, withTowers } from '../../model/index.js';
import type { RunPlan } from '../../train/index.js';
import { storedBytes } from '../../weight-formats/index.js';
import { enoughImages } from './calibration.js';
import { tuningImages, usualTuning } from './float-tuning.js';
import { mixtureFor, mixtureOf } from './mixture.js';
import { quantizedDtypes } from './onnx-variants.js';
import type { QuantizeModelOptions } from './quantize-model.js';

/** Passes of the calibration images through the model: moments, the model's own answers, and both roundings layer by layer. */
const passes = 8;
/** What a step of tuning takes beside a pass: gradients of the same. */
const stepPasses = 3;

/**
 * What {@link quantizeModel} would do, without doing it: images, steps and bytes, and the time by a few timed images. The time is
 * rough: it counts passes of images, and neither the search for scales nor `sensitivity`.
 *
 * @throws UserError where the data cannot calibrate
 */
export async function planQuantize(options: QuantizeModelOptions): Promise<RunPlan> {
  const { dataset, out, split = 'train', rounding = 'gptaq', scheme, finetune, compile } = options;
  const model = withTowers(options.model, 'quantize');
  const { tune = rounding === 'gptaq' ? usualTuning(model) : 0, dtypes = quantizedDtypes } = options;
  const labelled = examplesOf(dataset, split).filter(isLabelled).length;
  if (labelled === 0)
    throw new UserError(
      `${dataset.name}: expected images with classes in the split ${split} to calibrate on, got none`,
    );
  const images = Math.min(labelled, options.images ?? enoughImages(model));
  const { medianMs } = await imageLatency(model, { ...compile, runs: 5, warmUp: 2 });
  const weights = modelWeights(model);
  const mixture = mixtureOf(model, scheme);
  const bytesOf = (chosen: typeof mixture) =>
    Object.entries(weights).reduce((sum, [name, { shape }]) => sum + storedBytes(chosen[name] ?? 'fp32', shape), 0);
  // The checkpoint, and the variant with codes of its own.
  const rounds = dtypes.includes('q4') ? 2 : 1;
  const steps = rounds * tune;
  const seen = steps * tuningImages(model, images);
  const learned = rounds * (finetune?.steps ?? 0);
  const parameters = Object.values(weights).reduce((sum, { data }) => sum + data.length, 0);
  return {
    parameters: { model: parameters },
    phases: [{ name: 'tuning', steps }, ...(learned > 0 ? [{ name: 'fine-tuning', steps: learned }] : [])],
    images,
    imagesSeen: seen + learned * (finetune?.recipe.batch ?? 0),
    preparations: [
      {
        what: `calibration and rounding on ${images.toLocaleString('en-GB')} images`,
        seconds: (passes * images * medianMs) / 1000,
      },
    ],
    seconds: (stepPasses * (seen + learned * (finetune?.recipe.batch ?? 0)) * medianMs) / 1000,
    memory: process.resourceUsage().maxRSS * 1024,
    files: [
      { what: 'the checkpoint', folder: out, bytes: bytesOf(mixture) },
      ...dtypes.map((dtype) => ({ what: `${dtype} as ONNX`, folder: out, bytes: bytesOf(mixtureFor(dtype, mixture)) })),
    ],
    device: compile?.device ?? 'cpu',
    notes: [`weights now take ${(4 * parameters).toLocaleString('en-GB')} bytes as float32`],
  };
}
