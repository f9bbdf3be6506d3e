// A choice made in one tab holds in all: tabs tell each other, and a tab that slept, was frozen or came back from the
// back/forward cache looks again by itself. A message carries nothing: whoever hears it reads the choice where it lies,
// so no message can set one.

const NAME = "assent";

export interface Tabs {
  /** Tells the other tabs of this origin to look. */
  announce(): void;
}

export function watchTabs(key: string, look: () => void): Tabs {
  let channel: BroadcastChannel | undefined;
  const open = () => {
    if (channel || !("BroadcastChannel" in window)) return;
    channel = new BroadcastChannel(NAME);
    channel.onmessage = look;
  };
  // An open channel can keep a page out of the back/forward cache.
  const close = () => {
    channel?.close();
    channel = undefined;
  };
  open();
  addEventListener("pagehide", close);
  addEventListener("pageshow", () => {
    open();
    look();
  });
  addEventListener("storage", (change) => {
    if (change.key === key || change.key === null) look();
  });
  addEventListener("focus", look);
  document.addEventListener("resume", look);
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) look();
  });
  return { announce: () => channel?.postMessage(0) };
}
