// The only place that writes to the page's console: what keeps the SDK from working, once, for whoever installs it.

export function complain(what: string) {
  console.error(`Assent: ${what}`);
}
