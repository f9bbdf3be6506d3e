// Where one can go, in which workspace, and as whom.

import { Menu } from "@base-ui/react/menu";
import { useQueryClient } from "@tanstack/react-query";
import { type RefObject, useRef } from "react";
import { Link, useLocation } from "wouter";
import { remove } from "../api/client.ts";
import { session } from "../api/resources.ts";
import mark from "../favicon.svg";
import { paths } from "../paths.ts";
import { useSession } from "../session.tsx";
import { setTheme, THEMES, useTheme } from "../theme.ts";
import { Icon, type IconName } from "../ui/icon.tsx";
import { useWorkspace } from "../workspace.tsx";

const ITEMS: readonly (readonly [icon: IconName, text: string, to: (workspace: string) => string, under: RegExp])[] = [
  ["overview", "Overview", paths.overview, /^\/overview/],
  ["live", "Live", paths.live, /^\/(live|events)/],
  ["sources", "Sources", paths.sources, /^\/(sources|new-source)/],
  ["destinations", "Destinations", paths.destinations, /^\/(destinations|new-destination)/],
  ["shield", "Consent", (workspace) => paths.consent(workspace), /^\/consent/],
  ["lake", "Lake", paths.lake, /^\/lake/],
  ["settings", "Settings", (workspace) => paths.settings(workspace), /^\/settings/],
];

export const Brand = () => (
  <Link href={paths.home} className="brand">
    <img src={mark} alt="" /> Assent
  </Link>
);

export function Navigation() {
  const workspace = useWorkspace();
  const [location] = useLocation();
  const layer = useRef<HTMLDivElement>(null);
  const page = location.replace(/^\/w\/[^/]+/, "");
  return (
    <div className="nav" ref={layer}>
      <Brand />
      <WorkspacePicker layer={layer} />
      <nav aria-label="Pages">
        <ul>
          {ITEMS.map(([icon, text, to, under]) => (
            <li key={text}>
              <Link href={to(workspace)} className="nav-link" aria-current={under.test(page) ? "page" : undefined}>
                <Icon name={icon} /> {text}
              </Link>
            </li>
          ))}
        </ul>
      </nav>
      <div className="nav-foot">
        <PersonMenu layer={layer} />
      </div>
    </div>
  );
}

/** Menus are drawn inside the navigation, so that they belong to it for everyone. */
type Layer = { layer: RefObject<HTMLElement | null> };

function WorkspacePicker({ layer }: Layer) {
  const workspace = useWorkspace();
  const { workspaces } = useSession();
  const [, go] = useLocation();
  return (
    <Menu.Root>
      <Menu.Trigger className="button picker" aria-label={`Workspace ${workspace}`}>
        <span className="break">{workspace}</span>
        <Icon name="down" />
      </Menu.Trigger>
      <Menu.Portal container={layer}>
        <Menu.Positioner sideOffset={4} align="start" positionMethod="fixed" className="layer">
          <Menu.Popup className="menu">
            <Menu.Group>
              <Menu.GroupLabel className="menu-label">Workspace</Menu.GroupLabel>
              {workspaces.map((name) => (
                <Menu.Item key={name} className="menu-item" onClick={() => go(paths.overview(name))}>
                  <Icon name={name === workspace ? "check" : "right"} /> {name}
                </Menu.Item>
              ))}
            </Menu.Group>
          </Menu.Popup>
        </Menu.Positioner>
      </Menu.Portal>
    </Menu.Root>
  );
}

const THEME_TEXT = { system: "Like the system", light: "Light", dark: "Dark" } as const;

function PersonMenu({ layer }: Layer) {
  const { user, version } = useSession();
  const theme = useTheme();
  const client = useQueryClient();
  const workspace = useWorkspace();
  const [, go] = useLocation();
  const signOut = async () => {
    await remove("/session").catch(() => undefined);
    client.clear();
    client.setQueryData(session.queryKey, null);
  };
  return (
    <Menu.Root>
      <Menu.Trigger className="button button-quiet picker">
        <span className="row">
          <Icon name="user" /> <span className="break">{user.name}</span>
        </span>
        <Icon name="down" />
      </Menu.Trigger>
      <Menu.Portal container={layer}>
        <Menu.Positioner sideOffset={4} align="start" positionMethod="fixed" className="layer">
          <Menu.Popup className="menu">
            <Menu.RadioGroup value={theme} onValueChange={setTheme} aria-label="Colours">
              <div className="menu-label">Colours</div>
              {THEMES.map((name) => (
                <Menu.RadioItem key={name} value={name} className="menu-item">
                  <Icon name={name === theme ? "check" : "theme"} /> {THEME_TEXT[name]}
                </Menu.RadioItem>
              ))}
            </Menu.RadioGroup>
            <Menu.Separator className="menu-line" />
            <Menu.Item className="menu-item" onClick={() => go(paths.settings(workspace))}>
              <Icon name="user" /> Account
            </Menu.Item>
            <Menu.Item className="menu-item" onClick={() => void signOut()}>
              <Icon name="out" /> Sign out
            </Menu.Item>
            <div className="menu-label">
              {user.role}
              {user.personal_data ? ", sees personal data" : ""} · Assent {version}
            </div>
          </Menu.Popup>
        </Menu.Positioner>
      </Menu.Portal>
    </Menu.Root>
  );
}
