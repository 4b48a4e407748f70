export { agree } from './agreement.js';
export { type Group, gatherTexts, leads, madeByFirst, single } from './group.js';
export { inTurns, placeOnHost } from './in-turns.js';
export { findMpi } from './mpi-library.js';
export { launchOf, openGroup } from './open-group.js';
export { gatherRows, imageSlice, type Slice, sliceOf } from './slice.js';
