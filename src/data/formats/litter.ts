/** Folders and files that programs leave beside data, and that are no part of it. */
const known = new Set([
  '__macosx',
  '__pycache__',
  '$recycle.bin',
  'system volume information',
  'lost+found',
  '@eadir', // Synology's thumbnails
  'thumbs.db',
  'ehthumbs.db',
  'desktop.ini',
  'icon\r',
]);

/** Whether a name is hidden (`.ipynb_checkpoints`, `._cat.jpg`) or known litter (`__MACOSX`, `Thumbs.db`). */
export const isLitter = (name: string): boolean => name.startsWith('.') || known.has(name.toLowerCase());
