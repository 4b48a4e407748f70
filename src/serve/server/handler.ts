import type { IncomingMessage, ServerResponse } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import { type Logger, pino } from 'pino';
import { UserError } from '../../errors.js';
import { checkFields } from '../../schema-issue.js';
import { serverApp } from './app.js';
import { checkExtensions } from './extension.js';
import { Generation } from './generation.js';
import { Metrics } from './metrics.js';
import { checkTimes, type ServerOptions, serverFields, withDefaults } from './options.js';

/** {@link ServerOptions} without those of a server that listens by itself. */
export interface HandlerOptions
  extends Omit<ServerOptions, 'host' | 'port' | 'withoutKeys' | 'graceMs' | 'headersTimeoutMs'> {
  /** @defaultValue warnings and errors, as JSON lines on stderr */
  readonly log?: Logger;
}

const handlerFields = serverFields.omit({
  ...{ host: true, port: true, withoutKeys: true, graceMs: true, headersTimeoutMs: true },
});

/** The routes of `promptkd serve`, to be put into another server. */
export interface Handler {
  /** For Hono's `mount`, Deno, Bun, and whatever else speaks the Fetch API. */
  readonly fetch: (request: Request) => Promise<Response>;
  /** For Express's `use`, before body parsers, and Node's own `createServer`. */
  readonly listener: (request: IncomingMessage, response: ServerResponse) => Promise<void>;
  /** Ends the models after the requests under way. */
  close(): Promise<void>;
}

/**
 * Loads models and gives what answers requests for them, to be put into a server of one's own. Who may reach it is for that
 * server to say; `keys` are checked here too.
 *
 * @throws UserError where an option does not fit, or a model cannot be read
 * @example
 * import { Hono } from 'hono';
 *
 * const clip = await serve({ models: ['promptkd:emoji-student'] });
 * const app = new Hono().mount('/clip', clip.fetch); // answers at /clip/v1/classify
 * await clip.close();
 */
export async function serve({ log, ...options }: HandlerOptions): Promise<Handler> {
  checkFields('serve', handlerFields, options);
  // An empty host: names are checked by the server around it.
  const settings = withDefaults({ ...options, host: '' });
  if (settings.models.length === 0) throw new UserError('models: expected at least one, got none');
  checkTimes(settings);
  checkExtensions(settings.extensions);
  let inFlight = 0;
  let closing: Promise<void> | undefined;
  const metrics = new Metrics({ inFlight: () => inFlight, waiting: () => models.waiting() });
  const models = await Generation.open(settings, metrics);
  const app = serverApp({
    ...{ settings, metrics, log: log ?? pino({ level: 'warn' }, pino.destination(2)) },
    generation: () => (closing ? undefined : models),
    isStopping: () => closing !== undefined,
    enter: () => {
      inFlight++;
      return () => inFlight--;
    },
  });
  return {
    fetch: async (request) => app.fetch(request, {}),
    listener: getRequestListener(app.fetch, { overrideGlobalObjects: false }),
    close: () => {
      closing ??= models.retire();
      return closing;
    },
  };
}
