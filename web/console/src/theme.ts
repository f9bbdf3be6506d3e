// Light, dark, or as the system says. Kept in this browser; styles/tokens.css does the rest.

import { useSyncExternalStore } from "react";

export const THEMES = ["system", "light", "dark"] as const;
export type Theme = (typeof THEMES)[number];

const KEY = "assent-theme";
const watchers = new Set<() => void>();

function stored(): Theme {
  try {
    return THEMES.find((theme) => theme === localStorage.getItem(KEY)) ?? "system";
  } catch {
    return "system"; // Storage is forbidden in some private windows.
  }
}

let current: Theme = stored();

export function applyTheme(): void {
  if (current === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = current;
}

export function setTheme(theme: Theme): void {
  current = theme;
  try {
    localStorage.setItem(KEY, theme);
  } catch {
    // It holds until the page is closed.
  }
  applyTheme();
  for (const watcher of watchers) watcher();
}

function watch(watcher: () => void): () => void {
  watchers.add(watcher);
  return () => watchers.delete(watcher);
}

export const useTheme = (): Theme => useSyncExternalStore(watch, () => current);

/** Whether colours are dark now, whoever decided it: canvases must ask, they take no tokens. */
export function useIsDark(): boolean {
  const theme = useTheme();
  const system = useSyncExternalStore(watchSystem, () => darkSystem.matches);
  return theme === "system" ? system : theme === "dark";
}

const darkSystem = window.matchMedia("(prefers-color-scheme: dark)");

function watchSystem(watcher: () => void): () => void {
  darkSystem.addEventListener("change", watcher);
  return () => darkSystem.removeEventListener("change", watcher);
}
