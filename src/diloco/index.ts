export { createRounds, openRounds, type RoundsPlan, readPlan } from './plan.js';
export { type RoundResult, type RoundsResult, type RunRoundsOptions, runRounds } from './run-rounds.js';
