// Short news at the edge of the page: what was done, read out politely.

import { Toast } from "@base-ui/react/toast";
import type { ReactNode } from "react";
import { IconButton } from "./button.tsx";
import { Icon } from "./icon.tsx";

const manager = Toast.createToastManager();

/** Says that something was done. Failures are shown where they happened, not here. */
export const say = (title: string, description?: string): void => {
  manager.add({ title, ...(description && { description }) });
};

export function Toasts({ children }: { children: ReactNode }) {
  return (
    <Toast.Provider toastManager={manager} timeout={4_000}>
      {children}
      <Toast.Portal>
        <Toast.Viewport className="toasts">
          <List />
        </Toast.Viewport>
      </Toast.Portal>
    </Toast.Provider>
  );
}

function List() {
  const { toasts } = Toast.useToastManager();
  return toasts.map((toast) => (
    <Toast.Root key={toast.id} toast={toast} className="toast">
      <Icon name="check" />
      <div className="grow">
        <Toast.Title render={<strong />} />
        <Toast.Description className="small muted" />
      </div>
      <Toast.Close render={<IconButton name="Close" icon="close" look="quiet" small />} />
    </Toast.Root>
  ));
}
