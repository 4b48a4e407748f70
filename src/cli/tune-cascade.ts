import { UserError } from '../errors.js';
import type { TuneOptions } from './commands/cascade.js';

/** A number the user asks for, or how far from the last model's. */
export interface Goal {
  readonly value: number;
  readonly relative: boolean;
}

/** Points of the chart: with fewer than forty its mean is the curve itself. */
const points = 38;

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
    { chartFile },
    output,
  ] = await Promise.all([
    import('../serve/index.js'),
    import('../data/index.js'),
    import('../files/index.js'),
    import('./progress.js'),
    import('./interrupt.js'),
    import('../report/index.js'),
    import('./cascade-output.js'),
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
    const tuned = serve.tuneCascade(held, temperatures, kinds, targetOf(options, held, serve.accuracyOf));
    const others = (await measure(heldOut, 0)).map((stage, s) => ({
      ...stage,
      latencyMs: held[s]!.latencyMs,
      behindMs: held[s]!.behindMs,
    }));
    const stages = models.map((model, s) => ({
      model,
      temperature: temperatures[s]!,
      ...(s < models.length - 1 && { threshold: tuned.thresholds[s]! }),
    }));
    const report = {
      ...{ data, split, held_out: heldOut, batch },
      latency_ms: held.map(({ latencyMs }) => latencyMs),
      latency_behind_ms: held.map(({ behindMs }) => behindMs),
      ...{
        tuned_on: output.figures(held, serve.cascadeFigures(held, tuned), serve.accuracyOf),
        held_out_figures: output.figures(others, serve.cascadeFigures(others, tuned), serve.accuracyOf),
        calibration: serve.calibrationOf(others, temperatures),
      },
    };
    const curve = serve.thresholdCurve(others, tuned, points);
    const { title, curves, chartOptions } = output.charts(others, tuned, curve, serve.accuracyOf);
    await writeFileAtomic(chart, chartFile(title, curves, chartOptions));
    await serve.writeCascade(
      out,
      { confidence: tuned.confidence, templates: templates && [...templates], stages },
      report,
    );
    const json = { file: out, chart, confidence: tuned.confidence, stages, ...report };
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
