import { once } from 'node:events';
import type { Server } from 'node:http';
import { type AddressInfo, Server as NetServer } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { createAdaptorServer } from '@hono/node-server';
import type { Logger } from 'pino';
import { UserError } from '../../errors.js';
import { checkFields } from '../../schema-issue.js';
import { longestTimer } from '../timer.js';
import { checkAddress } from './address.js';
import { serverApp } from './app.js';
import { checkExtensions } from './extension.js';
import { Generation } from './generation.js';
import { Metrics } from './metrics.js';
import { checkTimes, type ServerOptions, type Settings, serverFields, withDefaults } from './options.js';

/** Connections at once; more are refused by the system. */
const maxConnections = 1024;

/** How long kept connections may bring one more request while the server stops, in ms. */
const lingerMs = 1000;

/** A server that runs. */
export class ModelServer {
  private readonly metrics: Metrics;
  private readonly http: Server;
  private generation: Generation | undefined;
  private opening: Promise<Generation> | undefined;
  private reloading: Promise<void> | undefined;
  private reloadAgain: Promise<void> | undefined;
  private stopping: Promise<void> | undefined;
  private inFlight = 0;
  private address = '';
  private idle: (() => void) | undefined;

  private constructor(
    private readonly settings: Settings,
    private readonly log: Logger,
  ) {
    this.metrics = new Metrics({
      inFlight: () => this.inFlight,
      waiting: () => this.generation?.waiting() ?? [],
    });
    const app = serverApp({
      settings,
      metrics: this.metrics,
      log,
      generation: () => this.generation,
      isStopping: () => this.stopping !== undefined,
      enter: () => this.enter(),
    });
    const { headersTimeoutMs, bodyTimeoutMs } = settings;
    this.http = createAdaptorServer({
      fetch: app.fetch,
      // The platform's own Request and Response stay as they are for whoever else runs in this process.
      overrideGlobalObjects: false,
      serverOptions: {
        headersTimeout: headersTimeoutMs,
        requestTimeout: Math.max(headersTimeoutMs, bodyTimeoutMs),
        // Long, so that a busy client seldom sends on a connection in the moment that it is closed.
        keepAliveTimeout: 30_000,
        // How often slow connections are looked for.
        connectionsCheckingInterval: Math.min(1000, headersTimeoutMs),
        maxHeaderSize: 16_384,
      },
    }) as Server;
    this.http.maxConnections = maxConnections;
    // For clients that do not read their answers.
    this.http.setTimeout(Math.min(settings.timeoutMs + bodyTimeoutMs, longestTimer));
  }

  /**
   * Starts listening, then loads the models; the promise is fulfilled when they are there, or the signal has stopped it.
   *
   * @param log a logger of pino
   * @throws UserError where an option does not fit, a model cannot be read or the port is taken
   */
  static async start(options: ServerOptions, log: Logger, signal?: AbortSignal): Promise<ModelServer> {
    checkFields('ModelServer.start', serverFields, options);
    const settings = withDefaults(options);
    if (settings.models.length === 0) throw new UserError('models: expected at least one, got none');
    checkAddress(settings);
    checkTimes(settings);
    checkExtensions(settings.extensions);
    const server = new ModelServer(settings, log);
    await server.listen();
    const stop = () => void server.stop();
    signal?.addEventListener('abort', stop, { once: true });
    try {
      server.opening = Generation.open(settings, server.metrics);
      if (signal?.aborted) stop();
      server.generation = await server.opening;
    } catch (error) {
      await server.stop();
      throw error;
    } finally {
      signal?.removeEventListener('abort', stop);
    }
    if (server.stopping) await server.stopping;
    else log.info({ url: server.url, models: [...server.generation.byName.keys()] }, 'ready');
    return server;
  }

  /** Where it listens. */
  get url(): string {
    return this.address;
  }

  /**
   * Loads all models anew; requests under way end with the old ones, and so do new ones until the new are there. Asked
   * for during a reload, which may have read a model's old files, there is one more after it.
   */
  reload(): Promise<void> {
    if (!this.reloading) {
      this.reloading = this.loadAnew().finally(() => {
        this.reloading = undefined;
      });
      return this.reloading;
    }
    this.reloadAgain ??= this.reloading
      .catch(() => {}) // whoever asked for it is told
      .then(() => {
        this.reloadAgain = undefined;
        return this.stopping ? undefined : this.reload();
      });
    return this.reloadAgain;
  }

  /** Takes no new connections, answers what comes on those that are there for as long as the grace lasts, and ends. */
  stop(): Promise<void> {
    this.stopping ??= this.drain();
    return this.stopping;
  }

  private async loadAnew(): Promise<void> {
    const old = this.generation;
    try {
      const next = await Generation.open(this.settings, this.metrics);
      if (this.stopping) return await next.retire();
      this.generation = next;
    } catch (error) {
      this.metrics.reload('failed');
      this.log.error({ err: error }, 'reload failed: the models that were there go on');
      throw error;
    }
    await old?.retire();
    this.metrics.reload('done');
    this.log.info('reloaded');
  }

  private async drain(): Promise<void> {
    this.log.info({ requests: this.inFlight }, 'stopping');
    const closed = once(this.http, 'close');
    // An HTTP server's own close would at once cut kept connections on which a request may be on its way.
    NetServer.prototype.close.call(this.http);
    const grace = wait(this.settings.graceMs, 'late' as const, { ref: false });
    const answered = this.inFlight === 0 ? undefined : new Promise<void>((done) => (this.idle = done));
    if ((await Promise.race([answered, grace])) === 'late') {
      this.log.warn({ requests: this.inFlight }, 'requests were cut off');
    }
    // Each answer by now says that its connection ends; those that bring none are closed when they had time to.
    await Promise.race([closed, grace, wait(lingerMs)]);
    this.http.close(() => {});
    if ((await Promise.race([closed, grace])) === 'late') this.http.closeAllConnections();
    const first = await this.opening?.catch(() => undefined); // start() throws it
    await this.reloading?.catch(() => {});
    await (this.generation ?? first)?.retire();
    this.log.info('stopped');
  }

  private async listen(): Promise<void> {
    const { host, port } = this.settings;
    try {
      this.http.listen(port, host);
      await once(this.http, 'listening');
      const { address, port: own, family } = this.http.address() as AddressInfo;
      this.address = `http://${family === 'IPv6' ? `[${address}]` : address}:${own}`;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      const reason = { EADDRINUSE: 'it is in use', EACCES: 'permission denied', ENOTFOUND: 'no such host' }[code ?? ''];
      throw new UserError(`--host ${host} --port ${port}: cannot listen there: ${reason ?? code}`);
    }
  }

  private enter(): () => void {
    this.inFlight++;
    return () => {
      this.inFlight--;
      if (this.inFlight === 0) this.idle?.();
    };
  }
}
