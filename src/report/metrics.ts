import type { ModelSummary } from './data.js';

/** One model of `metrics.json`: accuracies are fractions on images no model saw, with the bounds of their 95 % intervals. */
export interface ModelMetrics {
  readonly params: number;
  readonly bytes: number;
  readonly top1: number;
  readonly top1_interval: readonly [number, number];
  readonly top5: number;
  readonly r1_image_to_text: number;
  readonly r1_text_to_image: number;
  readonly latency_ms: number;
  readonly images_seen: number;
  readonly train_seconds: number;
  /** Of classes kept out of training; `top1` and `top5` are then of the others. */
  readonly novel?: number;
  readonly harmonic?: number;
}

/** A column of the comparison as it stands in `metrics.json`. */
export function modelMetrics(model: ModelSummary): ModelMetrics {
  const { novel, harmonic } = model;
  return {
    params: model.params,
    bytes: model.bytes,
    top1: model.top1.value,
    top1_interval: [model.top1.low, model.top1.high],
    top5: model.top5.value,
    r1_image_to_text: model.r1ImageToText.value,
    r1_text_to_image: model.r1TextToImage.value,
    latency_ms: model.latencyMs,
    images_seen: model.imagesSeen ?? 0,
    train_seconds: model.trainSeconds ?? 0,
    ...(novel && { novel: novel.value, harmonic: harmonic?.value }),
  };
}
