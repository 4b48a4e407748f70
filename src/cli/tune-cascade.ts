import { UserError } from '../errors.js';
import type { TuneOptions } from './commands/cascade.js';

/** A number the user asks for, or how far from the last model's. */
export interface Goal {
  readonly value: number;
  readonly relative: boolean;
}

/** Points of the plot's curve. */
const points = 60;

/** `promptkd cascade tune`. */
export async function tuneCommand(
  models: readonly string[],
  options: TuneOptions,
): Promise<{ json: unknown; lines: () => string }> {
  if (models.length < 2) throw new UserError(`models: expected at least two, the fastest first, got ${models.length}`);
  const [
    serve,
    { checkApart, examplesOf, openDataset },
    { checkWritable, writeFileAtomic },
    { createProgress },
    { interruptSignal },
    { tradeoffFile },
    output,
  ] = await Promise.all([
    import('../serve/index.js'),
    import('../data/index.js'),
    import('../files/index.js'),
    import('./terminal/progress.js'),
    import('./terminal/interrupt.js'),
    import('../report/index.js'),
    import('./output/cascade.js'),
  ]);
  const { data, split, heldOut, templates, batch, threads, out } = options;
  if (!out.endsWith('.json')) throw new UserError(`--out ${out}: expected a name that ends in .json`);
  const chart = out.replace(/\.json$/, '.svg');
  await checkWritable(out, chart);
  const progress = createProgress(options);
  const signal = interruptSignal();
  const opened: { name: string; encoder: Awaited<ReturnType<typeof serve.LocalEncoder.open>> }[] = [];
  try {
    const dataset = await openDataset(data);
    const part = (name: string) => ({ split: name, examples: examplesOf(dataset, name) });
    checkApart(dataset, part(split), part(heldOut));
    for (const name of models) opened.push({ name, encoder: await serve.LocalEncoder.open(name, { threads }) });
    const measure = (part: string, runs: number) =>
      serve.measureStages(opened, dataset, {
        ...{ split: part, templates, batch, runs, signal },
        onProgress: (phase, step, steps) => progress.update({ phase, step, steps }),
      });
    const held = await measure(split, 60);
    const temperatures = serve.fitTemperatures(held);
    const kinds = options.confidence ? [options.confidence] : serve.confidences;
    const target = targetOf(options, held, serve.accuracyOf);
    const tuned = serve.tuneCascade(held, temperatures, kinds, target);
    const others = (await measure(heldOut, 0)).map((stage, s) => ({
      ...stage,
      latencyMs: held[s]!.latencyMs,
      behindMs: held[s]!.behindMs,
    }));
    const stages = models.map((model, s) => ({
      model,
      temperature: temperatures[s]!,
      // A model that does not know its own is to be asked as it was measured.
      ...(!templates &&
        !opened[s]!.encoder.info.templates && {
          templates: [...serve.stageTemplates(opened[s]!.encoder, dataset)],
        }),
      ...(s < models.length - 1 && { threshold: tuned.thresholds[s]! }),
    }));
    const chosen = serve.cascadeFigures(others, tuned);
    const report = {
      ...{ data, split, held_out: heldOut, batch, latency: serve.latencyMeaning },
      latency_ms: held.map(({ latencyMs }) => latencyMs),
      latency_added_ms: held.map(({ behindMs }) => behindMs),
      target,
      tuned_on: output.figures(held, serve.cascadeFigures(held, tuned), serve.accuracyOf),
      held_out_figures: output.figures(others, chosen, serve.accuracyOf),
      calibration: serve.calibrationOf(others, temperatures),
    };
    const json = { file: out, chart, confidence: tuned.confidence, stages, ...report };
    const curves = {
      heldOut: serve.thresholdCurve(others, tuned, points),
      tunedOn: serve.thresholdCurve(held, tuned, points),
    };
    const drawn = output.tradeoff(json, others, tuned, chosen, curves, serve.accuracyOf);
    await writeFileAtomic(chart, tradeoffFile(drawn));
    await serve.writeCascade(
      out,
      { confidence: tuned.confidence, templates: templates && [...templates], stages },
      report,
    );
    return { json, lines: () => output.tunedText(json) };
  } finally {
    progress.stop();
    for (const { encoder } of opened) await encoder.close();
  }
}

type Measured = Parameters<typeof import('../serve/index.js').tuneCascade>[0];

function targetOf(
  { targetAccuracy = { value: 0.005, relative: true }, maxLatency }: TuneOptions,
  stages: Measured,
  accuracyOf: (stage: Measured[number]) => number,
) {
  const last = stages.at(-1)!;
  if (maxLatency) return { latencyMs: maxLatency.relative ? maxLatency.value * last.latencyMs : maxLatency.value };
  return { accuracy: targetAccuracy.relative ? accuracyOf(last) - targetAccuracy.value : targetAccuracy.value };
}
