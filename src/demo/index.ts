export { type DemoMetrics, type DemoOptions, type DemoResult, demo } from './demo.js';
