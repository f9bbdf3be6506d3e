// Elements in a shadow root: the page's styles do not reach in, and ours not out. Nothing here writes a `style` attribute
// or element text that a strict policy refuses.

type Value = string | boolean | undefined | ((event: never) => void);
type Child = Node | string | false | undefined | null;

/** An element. Functions are listeners, `true` is an attribute without a value, `false` and absence are none. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Record<string, Value>,
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name, value as EventListener);
    else if (value !== false && value !== undefined) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child): child is Node | string => !!child));
  return element;
}

/** Puts a style sheet into a shadow root; where sheets cannot be made, an element with the page's nonce. */
export function style(root: ShadowRoot, css: string, nonce: string) {
  try {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(css);
    root.adoptedStyleSheets = [...root.adoptedStyleSheets, sheet];
  } catch {
    root.prepend(h("style", { nonce }, css));
  }
}
