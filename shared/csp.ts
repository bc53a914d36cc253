// What the page may load and run, in the window and in a browser alike.

/** `socket` is the address of the browser host's WebSocket: not every browser counts it as 'self'. */
export const contentSecurityPolicy = (socket = ''): string =>
  [
    "default-src 'self'",
    "script-src 'self'",
    // Component and chart libraries set style attributes, and some add a <style> element; no user text ever becomes style.
    "style-src 'self' 'unsafe-inline'",
    // blob: pictures the page itself made, such as a chart about to be saved.
    "img-src 'self' blob:",
    `connect-src 'self' ${socket}`.trim(),
    "font-src 'self'",
    "object-src 'none'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
