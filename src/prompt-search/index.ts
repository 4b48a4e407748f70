export type { HeldOutFigure } from './held-out.js';
export { type PromptSearchOptions, type SearchPhase, searchDefaults } from './options.js';
export { findPrompts, gainOverDefault, type PromptSearch } from './search.js';
export * as promptSearch from './selection/index.js';
