import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

/** What `/metrics` shows, in Prometheus's form. */
export class Metrics {
  readonly registry = new Registry();
  private readonly requests = this.counter('requests_total', 'Answered requests', ['route', 'status']);
  private readonly seconds = new Histogram({
    name: 'promptkd_request_seconds',
    help: 'From a request’s head to its answer',
    labelNames: ['route'] as const,
    buckets: [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30],
    registers: [this.registry],
  });
  private readonly sizes = new Histogram({
    name: 'promptkd_batch_size',
    help: 'Images or texts computed together',
    labelNames: ['model', 'kind'] as const,
    buckets: [1, 2, 4, 8, 16, 32, 64, 128],
    registers: [this.registry],
  });
  private readonly work = new Histogram({
    name: 'promptkd_batch_seconds',
    help: 'Decoding, preprocessing and encoding of a batch',
    labelNames: ['model', 'kind'] as const,
    buckets: [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5],
    registers: [this.registry],
  });
  private readonly stages = this.counter('cascade_answers_total', 'Answers of a cascade by the stage that gave them', [
    'model',
    'stage',
  ]);
  private readonly degraded = this.counter('cascade_degraded_total', 'Answers whose later stage did not answer', [
    'model',
  ]);
  private readonly reloads = this.counter('reloads_total', 'Reloads of the models', ['result']);

  /** @param state what is read when the metrics are asked for */
  constructor(state: { inFlight: () => number; waiting: () => readonly [model: string, images: number][] }) {
    collectDefaultMetrics({ register: this.registry });
    new Gauge({
      name: 'promptkd_requests_in_flight',
      help: 'Requests that are being read or answered',
      registers: [this.registry],
      collect() {
        this.set(state.inFlight());
      },
    });
    new Gauge({
      name: 'promptkd_queue_images',
      help: 'Images that wait for a batch',
      labelNames: ['model'] as const,
      registers: [this.registry],
      collect() {
        this.reset();
        for (const [model, images] of state.waiting()) this.set({ model }, images);
      },
    });
  }

  request(route: string, status: number, seconds: number): void {
    this.requests.inc({ route, status });
    this.seconds.observe({ route }, seconds);
  }

  batch(model: string, kind: string, size: number, seconds: number): void {
    this.sizes.observe({ model, kind }, size);
    this.work.observe({ model, kind }, seconds);
  }

  answer(model: string, stage: number, degraded: boolean): void {
    this.stages.inc({ model, stage });
    if (degraded) this.degraded.inc({ model });
  }

  reload(result: 'done' | 'failed'): void {
    this.reloads.inc({ result });
  }

  private counter<L extends string>(name: string, help: string, labelNames: readonly L[]): Counter<L> {
    return new Counter({ name: `promptkd_${name}`, help, labelNames, registers: [this.registry] });
  }
}
