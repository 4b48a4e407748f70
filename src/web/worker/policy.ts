/**
 * The page's content security policy, in its HTML and, once the service worker answers, in the headers of every file:
 * workers have their own. WebAssembly may be compiled; scripts are the page's own files, and nothing is evaluated.
 */
export const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "worker-src 'self'",
  "connect-src 'self'",
  "img-src 'self' blob:",
  "manifest-src 'self'",
  "style-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
].join('; ');
