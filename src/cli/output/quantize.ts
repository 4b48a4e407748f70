import type { QuantizeModelResult } from '../../compress/index.js';
import { bytes, percent, textTable } from '../../report/index.js';

/** What was made of a model, for machines. */
export function quantizationJson(result: QuantizeModelResult) {
  const { bytes, calibration, tuned, finetuned, variants, leftOut, mixture, sensitivity, files, skipped } = result;
  return {
    files,
    bytes_fp32: bytes.fp32,
    bytes: bytes.quantized,
    calibration_images: calibration.images,
    calibration_classes: calibration.classes,
    kl: calibration.kl,
    agreement: calibration.agreement,
    top1_fp32: calibration.top1.fp32,
    top1: calibration.top1.quantized,
    tuned,
    finetuned,
    variants,
    left_out: leftOut,
    mixture,
    sensitivity,
    skipped,
  };
}

/** The same for people, with the table of sensitivities where they were measured. */
export function quantizationTable(out: string, result: QuantizeModelResult): string {
  const { calibration, tuned, finetuned, variants, leftOut, mixture, sensitivity, skipped } = result;
  const kinds = new Map<string, number>();
  for (const scheme of Object.values(mixture)) kinds.set(scheme, (kinds.get(scheme) ?? 0) + 1);
  const lines = [
    `${out}: ${bytes(result.bytes.quantized)} of weights, ${(result.bytes.fp32 / result.bytes.quantized).toFixed(2)} times smaller than float32 (${bytes(result.bytes.fp32)})`,
    `  ${[...kinds].map(([scheme, n]) => `${n} weights in ${scheme}`).join(', ')}; the rest in fp32`,
    `  on ${calibration.images} calibration images of ${calibration.classes} classes: top-1 ${percent(calibration.top1.fp32)} % before, ` +
      `${percent(calibration.top1.quantized)} % after; ${percent(calibration.agreement)} % equal answers, KL ${calibration.kl.toPrecision(3)} nats`,
    ...(skipped.length > 0
      ? [`  skipped ${skipped.length} calibration images, the first: ${skipped[0]!.id}: ${skipped[0]!.reason}`]
      : []),
    ...(tuned
      ? [
          `  tuned for ${tuned.steps} updates: KL on images kept back ${tuned.before.toPrecision(3)} before, ${tuned.after.toPrecision(3)} after`,
        ]
      : []),
    ...(finetuned
      ? [
          `  fine-tuned for ${finetuned.steps} updates: loss against the teacher ${finetuned.before.toPrecision(3)} before, ${finetuned.after.toPrecision(3)} after`,
        ]
      : []),
    ...Object.entries(variants).map(
      ([dtype, variant]) => `  onnx, dtype ${dtype}: ${bytes(variant.bytes)} of image and text encoder`,
    ),
    ...leftOut.map(
      ({ dtype, difference, limit }) =>
        `  onnx, dtype ${dtype}: left out, as its embeddings differ from the model's by ${percent(difference)} % of the largest value, more than ${percent(limit)} %; take another variant`,
    ),
  ];
  if (!sensitivity) return lines.join('\n');
  const names = [...new Set(sensitivity.map(({ name }) => name))];
  const schemes = [...new Set(sensitivity.map(({ scheme }) => scheme))];
  const klOf = (name: string, scheme: string) =>
    sensitivity.find((s) => s.name === name && s.scheme === scheme)!.kl.toExponential(1);
  const worst = (name: string) => Math.max(...sensitivity.filter((s) => s.name === name).map(({ kl }) => kl));
  names.sort((a, b) => worst(b) - worst(a));
  const rows = names.map((name) => [name, ...schemes.map((scheme) => klOf(name, scheme)), mixture[name] ?? 'fp32']);
  return [...lines, textTable([['KL of one weight alone', ...schemes, 'became'], ...rows], [0])].join('\n');
}
