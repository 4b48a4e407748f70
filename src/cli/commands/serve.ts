import type { Command } from 'commander';
import { printable } from '../../printable.js';
import type { Extension, ModelServer as Server } from '../../serve/index.js';
import { serverDefaults } from '../../serve/server/options.js';
import { examples, positiveInteger, threadsOption, wholeNumber } from '../options.js';
import { coloursOf } from '../terminal/colours.js';
import { sayLine } from '../terminal/live-lines.js';

interface ServeOptions {
  readonly host: string;
  readonly port: number;
  readonly workers: number;
  readonly threads?: number;
  readonly maxBatch: number;
  readonly maxWait: number;
  readonly maxQueue: number;
  readonly maxBody: number;
  readonly maxPixels: number;
  readonly timeout: number;
  readonly grace: number;
  readonly keyFile?: string;
  readonly withoutKeys?: boolean;
  readonly search?: string;
  readonly vqa?: string;
  readonly defects?: string;
  readonly medicalReport?: string;
  readonly quiet?: boolean;
}

export function addServe(program: Command): void {
  const { host, port, workers, maxBatch, maxWaitMs, maxQueue, maxBodyBytes, maxPixels, timeoutMs, graceMs } =
    serverDefaults;
  program
    .command('serve')
    .description(
      'serve models and cascades over HTTP: classes, embeddings, similarities, search; / is a page to try it',
    )
    .argument(
      '<models...>',
      'folders, exports, Hugging Face ids or cascade files, each as path or name=path; with #DTYPE behind a model, that variant of its ONNX files (fp32, fp16, q8, q4, bnb4)',
    )
    .option('--host <address>', 'address to listen on; addresses other than localhost require API keys', host)
    .option('--port <n>', 'port; 0: any free one', wholeNumber, port)
    .option('--workers <n>', 'worker threads per model', positiveInteger, workers)
    .addOption(threadsOption())
    .option('--max-batch <n>', 'largest batch; 1: no batching', positiveInteger, maxBatch)
    .option('--max-wait <ms>', 'longest wait for a batch to fill', wholeNumber, maxWaitMs)
    .option('--max-queue <n>', 'longest queue per model; requests beyond it get status 429', positiveInteger, maxQueue)
    .option('--max-body <MiB>', 'largest request body', positiveInteger, maxBodyBytes / 2 ** 20)
    .option('--max-pixels <millions>', 'largest image', positiveInteger, maxPixels / 1e6)
    .option('--timeout <s>', 'time limit of a request', positiveInteger, timeoutMs / 1000)
    .option('--grace <s>', 'time that open requests get after Ctrl-C', positiveInteger, graceMs / 1000)
    .option('--search <folder>', 'folder that embed filled; /v1/search finds its images by text or image')
    .option('--vqa <head>', 'head of promptkd vqa train for the first model; /v1/ask answers questions about images')
    .option('--defects <detector>', 'what defects fit made; /v1/defects inspects images, /defects is its page')
    .option(
      '--medical-report <index>',
      'index of promptkd medical-report for the first model; /v1/medical-report drafts reports for review',
    )
    .option('--key-file <file>', 'API keys, one per line; or comma-separated in PROMPTKD_API_KEYS')
    .option('--without-keys', 'accept requests without API keys')
    .option('--quiet', 'log warnings and errors only')
    .addHelpText(
      'after',
      `${examples(
        'serve runs/demo/student',
        'serve cascade.json student=runs/demo/student --port 9000',
        'serve "small#q4" "exact=small#bnb4"',
        'serve my-clip --search embedded',
        'serve my-clip --defects runs/metal',
        'serve my-clip --host 0.0.0.0 --key-file keys.txt --workers 2',
      )}
Logs are JSON lines on stderr; on a terminal, warnings and errors only.
SIGHUP reloads the models without dropping requests (not on Windows). SIGINT and
SIGTERM finish open requests, then stop.

Endpoints:
POST /v1/classify    classes of images and their probabilities
POST /v1/embed       embeddings of images and texts
POST /v1/similarity  cosines of images and texts
POST /v1/search      the images of --search that are nearest to images and texts
POST /v1/ask         the answer to a question about an image (--vqa)
POST /v1/defects     whether images are defective, and where (--defects)
POST /v1/medical-report  a draft report of a study’s images (--medical-report)
GET  /v1/models, /healthz, /readyz
GET  /metrics        for Prometheus
GET  /openapi.json   all fields
  $ curl -F images=@cat.jpg -F classes=cat,dog,truck \\
      http://localhost:${port}/v1/classify
`,
    )
    .action(run);
}

async function run(models: readonly string[], options: ServeOptions): Promise<void> {
  // First of all: a signal that nobody waits for would kill, and loading takes long.
  const stopped = new AbortController();
  let server: Server | undefined;
  let reloadAsked = false;
  const stop = () => (server ? void server.stop() : stopped.abort());
  // A second signal kills: the handlers are gone by then.
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  const reload = () => {
    // A reload that fails has been logged; the models that were there go on.
    if (server) void server.reload().catch(() => {});
    else reloadAsked = true;
  };
  if (process.platform !== 'win32') process.on('SIGHUP', reload);
  const [{ pino }, { ModelServer }, { readKeys }] = await Promise.all([
    import('pino'),
    import('../../serve/index.js'),
    import('../server-keys.js'),
  ]);
  const watched = process.stdout.isTTY && process.stderr.isTTY;
  // People see a few lines, and what goes wrong; logs are for machines.
  const log = pino({ level: options.quiet || watched ? 'warn' : 'info' }, pino.destination(2));
  if (watched && !options.quiet) sayLine(`loading ${models.join(', ')} …`);
  const { host, port, workers, threads, maxBatch, maxQueue, withoutKeys, search } = options;
  const extensions = await extensionsOf(models, options);
  const keys = await readKeys(options.keyFile);
  server = await ModelServer.start(
    {
      ...{ models, host, port, workers, threads, maxBatch, maxQueue, keys, withoutKeys, search, extensions },
      maxWaitMs: options.maxWait,
      maxBodyBytes: options.maxBody * 2 ** 20,
      maxPixels: options.maxPixels * 1e6,
      timeoutMs: options.timeout * 1000,
      graceMs: options.grace * 1000,
    },
    log,
    stopped.signal,
  );
  if (stopped.signal.aborted) return;
  process.stdout.write(watched && !options.quiet ? banner(server.url, models) : `${server.url}\n`);
  if (reloadAsked) reload();
}

/** What tasks answer beside the models: questions and a medical report's index are of the first of these. */
async function extensionsOf([given = '']: readonly string[], options: ServeOptions): Promise<Extension[]> {
  const { defects, medicalReport, vqa } = options;
  if (defects === undefined && medicalReport === undefined && vqa === undefined) return [];
  const { defectsExtension, medicalReportExtension, vqaExtension } = await import('../../tasks/index.js');
  const first = given.slice(given.indexOf('=') + 1);
  return [
    ...(defects === undefined ? [] : [await defectsExtension(defects)]),
    ...(medicalReport === undefined ? [] : [medicalReportExtension(first, medicalReport)]),
    ...(vqa === undefined ? [] : [vqaExtension(first, vqa)]),
  ];
}

/** What people read once the server answers. */
function banner(url: string, models: readonly string[]): string {
  const { bold, dim } = coloursOf(process.stdout);
  return [
    `${dim('serving')}  ${printable(models.join(', '))}`,
    `${dim('page   ')}  ${bold(url)}`,
    `${dim('also   ')}  ${url}/openapi.json, ${url}/metrics`,
    `${dim('stop   ')}  Ctrl-C`,
    '',
  ].join('\n');
}
