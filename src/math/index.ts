export { classProbabilities, type Scoring } from './class-probabilities.js';
export { gatherHostRows } from './gather-host-rows.js';
export { grouped } from './grouped.js';
export { type Interval, wilson } from './interval.js';
export { median, quantile } from './quantile.js';
export { Random } from './random.js';
export { dot, dots, type Rows, rowsInARow, selectRows, toUnitRows } from './rows.js';
export { softmax } from './softmax.js';
export { bisectTemperature, fitTemperature, type Scored } from './temperature.js';
