export { type ServerOptions, serverDefaults } from './options.js';
export { ModelServer } from './server.js';
