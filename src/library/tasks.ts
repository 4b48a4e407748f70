/**
 * Tasks on a frozen model beyond classes and captions, and the patch features that they are made from.
 *
 * @module promptkd/tasks
 */
export * from '../tasks/index.js';
