export { type DemoMade, type DemoMetrics, type DemoOptions, demo } from './demo.js';
