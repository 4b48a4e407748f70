/** What of this room also runs in a browser: no files, no native code. */
export { classText } from './templates/class-text.js';
