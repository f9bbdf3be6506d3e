// The only place that writes to the page's console: what keeps the SDK from working, once, for whoever installs it; and
// what the page's own functions throw.

export function complain(what: string) {
  console.error(`Assent: ${what}`);
}

/** An error of the page's in what it handed over is the page's to see, and stops nothing else. */
export function guarded(act: () => void) {
  try {
    act();
  } catch (error) {
    reportError(error);
  }
}
