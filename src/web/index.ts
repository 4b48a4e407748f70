export { type Dtype, dtypes } from './dtypes.js';
export { type PageOptions, type PageResult, writePage } from './page-folder.js';
