// Windows over the page: a dialog, a drawer from the side, a question before something that cannot be undone.

import { Dialog as Base } from "@base-ui/react/dialog";
import { type ReactNode, useState } from "react";
import { Button, IconButton } from "./button.tsx";
import { ErrorMessage } from "./states.tsx";

interface Window {
  open: boolean;
  onClose: () => void;
  title: ReactNode;
  children: ReactNode;
  wide?: boolean;
  side?: "right" | "left";
}

export function Dialog({ open, onClose, title, children, wide, side }: Window) {
  const place = side ? `drawer${side === "left" ? " drawer-left" : ""}` : `dialog${wide ? " dialog-wide" : ""}`;
  return (
    <Base.Root open={open} onOpenChange={(next) => !next && onClose()}>
      <Base.Portal>
        <Base.Backdrop className="backdrop" />
        <Base.Popup className={place}>
          <div className="row spread" data-dialog-head>
            <Base.Title className="break grow">{title}</Base.Title>
            <Base.Close render={<IconButton name="Close" icon="close" look="quiet" />} />
          </div>
          {children}
        </Base.Popup>
      </Base.Portal>
    </Base.Root>
  );
}

/** Asks once more, does it, and shows why it failed. */
export function Confirm(props: {
  open: boolean;
  onClose: () => void;
  title: string;
  action: string;
  children: ReactNode;
  onConfirm: () => Promise<unknown>;
}) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const confirm = async () => {
    setBusy(true);
    setError(null);
    try {
      await props.onConfirm();
      props.onClose();
    } catch (failed) {
      setError(failed);
    } finally {
      setBusy(false);
    }
  };
  return (
    <Dialog open={props.open} onClose={props.onClose} title={props.title}>
      <div>{props.children}</div>
      {error !== null && <ErrorMessage error={error} />}
      <div className="actions">
        <Button onClick={props.onClose}>Cancel</Button>
        <Button look="danger" busy={busy} onClick={() => void confirm()}>
          {props.action}
        </Button>
      </div>
    </Dialog>
  );
}
