/** Folders and files that programs leave beside data, and that are no part of it. */
const known = new Set([
  '__macosx',
  '__pycache__',
  '$recycle.bin',
  '#recycle',
  'node_modules',
  'system volume information',
  'lost+found',
  '@eadir', // Synology's thumbnails
  'thumbs.db',
  'ehthumbs.db',
  'ehthumbs_vista.db',
  'zbthumbnail.info',
  'picasa.ini',
  'desktop.ini',
  'icon\r',
]);

/** Whether a name is hidden (`.ipynb_checkpoints`, `._cat.jpg`), of a copy (`a.png~`) or known litter (`__MACOSX`, `Thumbs.db`). */
export const isLitter = (name: string): boolean => /^(\.|~\$)|~$/.test(name) || known.has(name.toLowerCase());
