import { shippedPath } from '../../files/index.js';

/**
 * The folder of a model that comes with the package and is asked for by name, as `promptkd:emoji-teacher`. Any other name stays
 * as it is.
 *
 * @throws UserError for a name that no shipped model has
 */
export const shippedModel = (name: string): string => shippedPath(name, 'models', '/config.json');
