// The frame of every page: navigation at the side, or behind a button on narrow screens; then the page.

import { lazy, type ReactNode, Suspense, useEffect, useRef, useState } from "react";
import { useLocation } from "wouter";
import { IconButton } from "../ui/button.tsx";
import { Brand, Navigation } from "./navigation.tsx";

const NavigationDrawer = lazy(() =>
  import("./drawer.tsx").then(({ NavigationDrawer }) => ({ default: NavigationDrawer })),
);

export function Shell({ children }: { children: ReactNode }) {
  const [isOpen, setOpen] = useState(false);
  const [location] = useLocation();
  const main = useRef<HTMLElement>(null);
  const previous = useRef(location);
  useEffect(() => {
    if (previous.current === location) return;
    previous.current = location;
    setOpen(false);
    // A new page is announced and read from its start.
    main.current?.focus({ preventScroll: true });
  }, [location]);
  return (
    <>
      <a className="skip" href="#content">
        Skip to the content
      </a>
      <div className="shell">
        <header className="topbar">
          <Brand />
          <IconButton name="Menu" icon="menu" look="quiet" aria-expanded={isOpen} onClick={() => setOpen(true)} />
        </header>
        <aside className="sidebar" aria-label="Navigation">
          <Navigation />
        </aside>
        {isOpen && (
          <Suspense fallback={null}>
            <NavigationDrawer onClose={() => setOpen(false)} />
          </Suspense>
        )}
        <main id="content" ref={main} tabIndex={-1} className={isWide(location) ? "content content-wide" : "content"}>
          <div className="stack stack-l">{children}</div>
        </main>
      </div>
    </>
  );
}

/** Lists of events and results take all the room there is, and so do a form and what it makes side by side. */
const isWide = (location: string): boolean => /\/(live|lake|consent|consent\/banner(\/\w+)?)$/.test(location);
