// Keeps back what scripts of the page ask from known hosts, for pages that cannot mark their tags. It stands first in the
// head, and is the one script of Assent's that a page waits for, because what is asked before it has been asked:
//
//   <script src="https://HOST/v1/projects/KEY/block.js" data-hosts="connect.example=targeting stats.example=performance"></script>
//
// There the server fills in the hosts of the workspace's vendors; what the page says of a host goes over that. As
// `/sdk/block.js` it has the page's alone. A host of several categories (`one.example=performance,targeting`) needs all.
//
// An address of such a host becomes held markup, which the SDK releases when the categories are granted; what a script
// asks or sends by itself fails as without a network. Scripts that stand in the page's own HTML do not run, but the
// browser may have fetched them in advance; its images and frames are asked for before any script can know of them.
// Those are to be marked (`data-category`, `data-src`).

type Source = HTMLScriptElement | HTMLIFrameElement | HTMLImageElement;
type Consent = { preferences(): Readonly<Record<string, boolean>> | null };

const KINDS = [HTMLScriptElement, HTMLIFrameElement, HTMLImageElement];
const { setAttribute } = Element.prototype;
/** Put in by the server; without it no host, because it names no category. */
const OF_VENDORS = "__HOSTS__";

const hosts = new Map(
  [OF_VENDORS, document.currentScript?.dataset.hosts ?? ""]
    .flatMap((all) => all.split(/\s+/))
    .filter((pair) => pair.includes("="))
    .map((pair) => pair.split("=") as [string, string]),
);

/** The categories of an address, by its host or the nearest domain above it. */
function categoriesOf(address: string): string[] {
  let { hostname } = new URL(location.href);
  try {
    ({ hostname } = new URL(address, document.baseURI));
  } catch {
    // No address: the browser asks nobody for it.
  }
  const labels = hostname.split(".");
  for (let at = 0; at < labels.length; at += 1) {
    const found = hosts.get(labels.slice(at).join("."));
    if (found) return found.split(",").filter((category) => category !== "required");
  }
  return [];
}

/** What an address must wait for; asked each time, as what was granted may have been withdrawn. Without an SDK all of it. */
function missing(address: string): string[] {
  const { analytics, assent } = window as unknown as Record<string, { consent?: Consent } | undefined>;
  const granted = (analytics?.consent ?? assent?.consent)?.preferences?.();
  const all = categoriesOf(address);
  return all.every((category) => granted?.[category] === true) ? [] : all;
}

/** Whether an element must not have this address yet; then it is held. */
function holds(element: Source, address: string): boolean {
  const categories = missing(address);
  // What the SDK itself lets go, as a tag that names its vendor, waits for its own categories and not for its host's.
  if (!categories.length || element.dataset.released !== undefined) return false;
  element.dataset.category = categories.join(" ");
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

/** What scripts ask and send without an element: it fails, because nobody could hold an answer back for later. */
function holdRequests() {
  const isHeld = (address: unknown) => missing(String(address)).length > 0;
  const { fetch, navigator } = window;
  const { sendBeacon } = navigator;
  const { open, send } = XMLHttpRequest.prototype;
  const refused = new WeakSet<XMLHttpRequest>();

  window.fetch = (...args) =>
    isHeld(args[0] instanceof Request ? args[0].url : args[0])
      ? Promise.reject(new TypeError("Failed to fetch"))
      : fetch(...args);

  navigator.sendBeacon = (...args) => !isHeld(args[0]) && sendBeacon.apply(navigator, args);

  XMLHttpRequest.prototype.open = function (...args: unknown[]) {
    if (isHeld(args[1])) refused.add(this);
    else refused.delete(this);
    open.apply(this, args as never);
  };

  XMLHttpRequest.prototype.send = function (body) {
    if (refused.has(this)) setTimeout(() => this.dispatchEvent(new ProgressEvent("error")));
    else send.call(this, body);
  };
}

holdRequests();

/** A script of the page's own HTML: seen after it was read and before it runs. */
function seen(node: Node) {
  const address = node instanceof HTMLScriptElement && node.getAttribute("src");
  // What was released has been asked for already.
  if (address && holds(node, address)) node.removeAttribute("src");
}

new MutationObserver((changes) => {
  for (const { addedNodes } of changes) for (const node of addedNodes) seen(node);
}).observe(document.documentElement, { childList: true, subtree: true });
