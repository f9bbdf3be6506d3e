// Buttons and links that look like one. A button that cannot be used stays in the tab order and says why.

import { Tooltip } from "@base-ui/react/tooltip";
import { type ButtonHTMLAttributes, type ReactNode, useState } from "react";
import { Link } from "wouter";
import { Icon, type IconName } from "./icon.tsx";

type Look = "plain" | "primary" | "danger" | "quiet";

interface Shape {
  look?: Look;
  small?: boolean;
  icon?: IconName;
}

function className({ look = "plain", small }: Shape, iconOnly = false): string {
  return ["button", look !== "plain" && `button-${look}`, small && "button-small", iconOnly && "button-icon"]
    .filter(Boolean)
    .join(" ");
}

interface ButtonProps extends Shape, Omit<ButtonHTMLAttributes<HTMLButtonElement>, "className"> {
  /** Work is under way: shown, and not started twice. */
  busy?: boolean;
  /** Why it cannot be used now; without one it can. */
  blocked?: string | null | undefined;
}

export function Button({ look, small, icon, busy, blocked, children, onClick, type = "button", ...rest }: ButtonProps) {
  const shape: Shape = { ...(look && { look }), ...(small && { small }) };
  const button = (
    <button
      {...rest}
      type={type}
      className={className(shape, !children)}
      aria-disabled={blocked || busy ? true : undefined}
      onClick={(event) => (blocked || busy ? event.preventDefault() : onClick?.(event))}
    >
      {busy ? <span className="spinner" aria-hidden="true" /> : icon && <Icon name={icon} />}
      {children}
    </button>
  );
  return blocked ? <Hint text={blocked}>{button}</Hint> : button;
}

/** A button that is only an icon: its name is read out and shown on hover. */
export function IconButton({ name, ...rest }: ButtonProps & { name: string; icon: IconName }) {
  return (
    <Hint text={name}>
      <Button {...rest} aria-label={name} />
    </Hint>
  );
}

export function ButtonLink({ to, children, look, small, icon }: Shape & { to: string; children: ReactNode }) {
  return (
    <Link href={to} className={className({ ...(look && { look }), ...(small && { small }) })}>
      {icon && <Icon name={icon} />}
      {children}
    </Link>
  );
}

/** A remark on hover and focus. */
export function Hint({ text, children }: { text: string; children: React.ReactElement<Record<string, unknown>> }) {
  return (
    <Tooltip.Root>
      <Tooltip.Trigger render={children} />
      <Tooltip.Portal>
        <Tooltip.Positioner sideOffset={6} className="layer">
          <Tooltip.Popup className="tooltip">{text}</Tooltip.Popup>
        </Tooltip.Positioner>
      </Tooltip.Portal>
    </Tooltip.Root>
  );
}

const SAID_MS = 1_800;

export function CopyButton({ text, name = "Copy", small = true }: { text: string; name?: string; small?: boolean }) {
  const [done, setDone] = useState(false);
  const copy = async () => {
    await copyText(text);
    setDone(true);
    window.setTimeout(() => setDone(false), SAID_MS);
  };
  return (
    <Button small={small} icon={done ? "check" : "copy"} onClick={() => void copy()}>
      <span aria-live="polite">{done ? "Copied" : name}</span>
    </Button>
  );
}

/** Pages that come over http from elsewhere than this machine have no clipboard: then the old way. */
async function copyText(text: string): Promise<void> {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = document.createElement("textarea");
  area.value = text;
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}

/** A few choices of which one holds. */
export function Segments<T extends string | number>(props: {
  label: string;
  value: T;
  options: readonly (readonly [value: T, text: string])[];
  onChange: (value: T) => void;
}) {
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset cannot be a flex row in every browser.
    <div className="segments" role="group" aria-label={props.label}>
      {props.options.map(([value, text]) => (
        <button
          key={value}
          type="button"
          className="segment"
          aria-pressed={value === props.value}
          onClick={() => props.onChange(value)}
        >
          {text}
        </button>
      ))}
    </div>
  );
}
