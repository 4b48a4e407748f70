export type { Answerer, Extension, ExtensionPage, ExtensionRequest } from './extension.js';
export { answerInThread } from './extension-thread.js';
export { badRequest, Fault } from './fault.js';
export { type Handler, type HandlerOptions, serve } from './handler.js';
export { type ServerOptions, type Settings, serverDefaults } from './options.js';
export { ModelServer } from './server.js';
