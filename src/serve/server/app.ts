import { randomUUID } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import type { HttpBindings } from '@hono/node-server';
import { type Context, Hono } from 'hono';
import { secureHeaders } from 'hono/secure-headers';
import type { Logger } from 'pino';
import type { z } from 'zod';
import { printable } from '../../printable.js';
import { isLocal } from './address.js';
import { classify, embed, type OnAnswer, pick, similarity } from './answers.js';
import { type Body, readBody, withQuery } from './body.js';
import { ByteBudget } from './byte-budget.js';
import { isCrossSite } from './cross-site.js';
import { DegradedLog } from './degraded-log.js';
import { listFields } from './extension.js';
import { Fault } from './fault.js';
import type { Generation, Served } from './generation.js';
import { incomingOf } from './incoming.js';
import { keyCheck } from './keys.js';
import type { Metrics } from './metrics.js';
import { openapi } from './openapi.js';
import type { Settings } from './options.js';
import { page, policyFor } from './page/page.js';
import { PixelBudget } from './pixel-budget.js';
import { check, requestSchemas, type Schemas } from './requests.js';
import { search } from './search.js';

/** Without bindings, where the request is one of the Fetch API alone. */
type Env = { Bindings: Partial<HttpBindings>; Variables: { id: string } };

/** What the routes need of the server around them. */
export interface Host {
  readonly settings: Settings;
  readonly metrics: Metrics;
  readonly log: Logger;
  /** The models that new requests use; undefined before they are there. */
  generation(): Generation | undefined;
  isStopping(): boolean;
  /** Counts a request until the function that is returned is called. */
  enter(): () => void;
}

type Answer<K extends keyof Schemas> = (
  served: Served,
  body: Body,
  asked: z.infer<Schemas[K]>,
  signal: AbortSignal,
) => Promise<object>;

/** All routes. */
export function serverApp(host: Host): Hono<Env> {
  const { settings, metrics, log } = host;
  const schemas = requestSchemas(settings);
  const budget = new ByteBudget(settings.maxHeldBytes);
  const pixels = new PixelBudget(settings);
  const mayEnter = settings.keys?.length ? keyCheck(settings.keys) : () => true;
  const app = new Hono<Env>();
  const routes = new Set<string>();

  app.use(async (c, next) => {
    const start = performance.now();
    c.set('id', randomUUID());
    await next();
    const ms = performance.now() - start;
    const { status } = c.res;
    // Addresses that lead nowhere are the client's, and without end.
    const route = routes.has(c.req.path) ? c.req.path : 'unknown';
    c.res.headers.set('x-request-id', c.get('id'));
    if (host.isStopping()) c.res.headers.set('connection', 'close');
    metrics.request(route, status, ms / 1000);
    const level = status >= 500 ? 'error' : ['/healthz', '/readyz', '/metrics'].includes(route) ? 'debug' : 'info';
    log[level]({ id: c.get('id'), method: c.req.method, route, status, ms: Math.round(ms * 10) / 10 }, 'request');
  });
  app.use(
    secureHeaders({
      contentSecurityPolicy: policyFor(settings.extensions.flatMap(({ page }) => page ?? [])),
      crossOriginEmbedderPolicy: true,
      // Whether this host is to be reached by TLS alone is for the proxy to say that has it.
      strictTransportSecurity: false,
    }),
  );
  app.use(async (c, next) => {
    if (isLocal(settings.host) && !isLocal(hostName(c.req.header('host')))) {
      // A page elsewhere whose name was made to lead here would otherwise read the answers.
      throw new Fault(403, 'wrong_host', 'host: expected localhost');
    }
    await next();
  });
  for (const guarded of ['/v1/*', '/metrics']) {
    app.use(guarded, async (c, next) => {
      if (!mayEnter(c.req.header('authorization'))) {
        c.header('www-authenticate', 'Bearer');
        throw new Fault(401, 'unauthorized', 'authorization: expected a bearer key of this server');
      }
      await next();
    });
  }

  app.use('/v1/*', async (c, next) => {
    if (c.req.method === 'POST' && isCrossSite((name) => c.req.header(name))) {
      throw new Fault(403, 'cross_site', 'origin: expected this server’s own page, or no browser');
    }
    await next();
  });

  const route = <S extends z.ZodObject>(
    path: string,
    schema: S,
    answer: (generation: Generation, body: Body, asked: z.infer<S>, signal: AbortSignal) => Promise<object>,
  ) => {
    const lists = listFields(schema);
    app.post(path, async (c) => {
      const generation = ready(host);
      const [leave, release] = [host.enter(), generation.acquire()];
      const { signal, abort, done } = deadline(c, settings.timeoutMs);
      const holding = budget.open(abort);
      let freePixels = () => {};
      try {
        const body = await readBody(incomingOf(c.req.raw, c.env.incoming), settings, holding, signal, lists);
        const asked = check(schema, withQuery(body.fields, c.req.queries(), lists));
        freePixels = await pixels.take(body.images, signal);
        return c.json(await answer(generation, body, asked, signal));
      } finally {
        freePixels();
        holding.free();
        done();
        release();
        leave();
      }
    });
  };
  const post = <K extends keyof Schemas>(name: K, answer: Answer<K>) =>
    route(`/v1/${name}`, schemas[name] as z.ZodObject, ({ byName }, body, fields, signal) => {
      const asked = fields as z.infer<Schemas[K]>;
      return answer(pick(byName, asked.model), body, asked, signal);
    });
  const degradedLog = new DegradedLog(log);
  const onAnswer: OnAnswer = (cascade, { stage, unanswered }) => {
    metrics.answer(cascade, stage, unanswered !== undefined);
    if (unanswered !== undefined) degradedLog.note(cascade, unanswered);
  };
  post('classify', (served, { images }, asked, signal) => classify(served, images, asked, settings, onAnswer, signal));
  post('embed', (served, { images }, asked, signal) => embed(served, images, asked, signal));
  post('similarity', (served, { images }, asked, signal) => similarity(served, images, asked, signal));

  post('search', (served, { images }, asked, signal) => search(served, images, asked, ready(host).index, signal));

  for (const { path, fields: schema } of settings.extensions) {
    route(path, schema, ({ extensions }, { images }, fields, signal) =>
      extensions.answer(path, { images, fields }, signal),
    );
  }

  app.get('/v1/models', (c) => c.json({ models: [...ready(host).byName.values()].map(described) }));
  app.get('/healthz', (c) => c.json({ status: 'ok' }));
  app.get('/readyz', (c) => {
    ready(host);
    if (host.isStopping()) throw notReady();
    return c.json({ status: 'ready' });
  });
  app.get('/metrics', async (c) =>
    c.body(await metrics.registry.metrics(), 200, { 'content-type': metrics.registry.contentType }),
  );
  app.get('/openapi.json', (c) => c.json(openapi(settings, schemas)));
  app.get('/', (c) => c.html(page));
  for (const { page: own } of settings.extensions) if (own) app.get(own.path, (c) => c.html(own.markup));

  app.notFound(() => {
    throw new Fault(404, 'not_found', 'no such address: / lists them');
  });
  app.onError((error, c) => {
    if (!(error instanceof Fault)) log.error({ id: c.get('id'), err: error }, 'unexpected error');
    const fault = error instanceof Fault ? error : new Fault(500, 'internal', 'an unexpected error; the log has it');
    if (fault.retryAfter !== undefined) c.header('retry-after', String(fault.retryAfter));
    return c.json(
      { error: { code: fault.code, message: printable(fault.message), request: c.get('id') } },
      fault.status,
    );
  });
  for (const { path } of app.routes) routes.add(path);
  return app;
}

/** What is asked on connections that are there while the server stops is still answered. */
function ready(host: Host): Generation {
  const generation = host.generation();
  if (!generation) throw notReady();
  return generation;
}

const notReady = () => new Fault(503, 'not_ready', 'the server is starting or stopping', 1);

interface Deadline {
  readonly signal: AbortSignal;
  readonly abort: (why: Fault) => void;
  readonly done: () => void;
}

/** A signal that is aborted when the time is over, the client is gone, or by whoever has a reason. */
function deadline(c: Context<Env>, ms: number): Deadline {
  const controller = new AbortController();
  // Each image of a request waits for it.
  setMaxListeners(0, controller.signal);
  const { outgoing } = c.env;
  // Of a request that no connection of Node's stands behind.
  const left = outgoing ? undefined : c.req.raw.signal;
  const abort = (why: Fault) => controller.abort(why);
  const late = () => abort(new Fault(504, 'timeout', `expected an answer within ${ms / 1000} s`));
  const gone = () => {
    if (!outgoing?.writableFinished) abort(new Fault(408, 'closed', 'the client closed the connection'));
  };
  const timer = setTimeout(late, ms);
  outgoing?.once('close', gone);
  if (left?.aborted) gone();
  left?.addEventListener('abort', gone, { once: true });
  const done = () => {
    clearTimeout(timer);
    outgoing?.off('close', gone);
    left?.removeEventListener('abort', gone);
  };
  return { signal: controller.signal, abort, done };
}

function described({ name, model, cascade }: Served): object {
  const { width, imageSize, textTokens, classifier } = model.info;
  return {
    name,
    kind: cascade ? 'cascade' : 'model',
    width,
    image_size: imageSize,
    text_tokens: textTokens,
    classes: classifier?.names.length ?? 0,
    ...(cascade && {
      confidence: cascade.confidence,
      stages: cascade.saved.stages.map((stage) => ({
        where: 'url' in stage ? 'remote' : 'here',
        threshold: stage.threshold,
        temperature: stage.temperature,
      })),
    }),
  };
}

/** `localhost:8080` → `localhost`, `[::1]:80` → `::1` */
function hostName(header = ''): string {
  return header.replace(/:\d+$/, '').replace(/^\[|\]$/g, '');
}
