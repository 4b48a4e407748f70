export { type PageOptions, type PageResult, writePage } from './page-folder.js';
export { sampleImages } from './samples.js';
