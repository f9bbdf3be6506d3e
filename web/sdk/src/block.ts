// Keeps back what scripts of the page ask from known hosts, for pages that cannot mark their tags. It stands first in the
// head, and is the one script of Assent's that a page waits for, because what is asked before it has been asked:
//
//   <script src="https://HOST/sdk/block.js" data-hosts="connect.example=targeting stats.example=performance"></script>
//
// An address of such a host becomes held markup, which the SDK releases when the category is granted. Scripts that stand
// in the page's own HTML do not run, but the browser may have fetched them in advance; its images and frames are asked
// for before any script can know of them. Those are to be marked (`data-category`, `data-src`).

type Source = HTMLScriptElement | HTMLIFrameElement | HTMLImageElement;
type Consent = { preferences(): Readonly<Record<string, boolean>> | null };

const KINDS = [HTMLScriptElement, HTMLIFrameElement, HTMLImageElement];
const setAttribute = Element.prototype.setAttribute;

const hosts = new Map(
  (document.currentScript?.dataset.hosts ?? "")
    .split(/\s+/)
    .filter((pair) => pair.includes("="))
    .map((pair) => pair.split("=") as [string, string]),
);

/** The category of an address, by its host or a domain above it. */
function categoryOf(address: string): string | undefined {
  let { hostname } = new URL(location.href);
  try {
    ({ hostname } = new URL(address, location.href));
  } catch {
    // No address: the browser asks nobody for it.
  }
  const labels = hostname.split(".");
  for (let at = 0; at < labels.length; at += 1) {
    const category = hosts.get(labels.slice(at).join("."));
    if (category) return category;
  }
  return undefined;
}

/** Asked each time: what was granted may have been withdrawn. Without an SDK nothing is permitted. */
function isPermitted(category: string): boolean {
  const { analytics, assent } = window as unknown as Record<string, { consent?: Consent } | undefined>;
  return (analytics?.consent ?? assent?.consent)?.preferences?.()?.[category] === true;
}

/** Whether an element must not have this address yet; then it is held. */
function holds(element: Source, address: string): boolean {
  const category = categoryOf(address);
  if (!category || isPermitted(category)) return false;
  element.dataset.category = category;
  element.dataset.src = address;
  if (element instanceof HTMLScriptElement) {
    if (element.type) element.dataset.type = element.type;
    element.type = "text/plain";
  }
  return true;
}

for (const { prototype } of KINDS) {
  const own = Object.getOwnPropertyDescriptor(prototype, "src");
  if (!own?.set) continue;
  const { set } = own;
  Object.defineProperty(prototype, "src", {
    ...own,
    set(this: Source, address: string) {
      if (!holds(this, String(address))) set.call(this, address);
    },
  });
}

Element.prototype.setAttribute = function (name, value) {
  const isSource = name.toLowerCase() === "src" && KINDS.some((kind) => this instanceof kind);
  if (!isSource || !holds(this as Source, String(value))) setAttribute.call(this, name, value);
};

/** A script of the page's own HTML: seen after it was read and before it runs. */
function seen(node: Node) {
  const address = node instanceof HTMLScriptElement && node.getAttribute("src");
  // What was released has been asked for already.
  if (address && holds(node, address)) node.removeAttribute("src");
}

new MutationObserver((changes) => {
  for (const { addedNodes } of changes) for (const node of addedNodes) seen(node);
}).observe(document.documentElement, { childList: true, subtree: true });
