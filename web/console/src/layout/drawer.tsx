// The navigation on narrow screens; loaded when it is first opened.

import { Dialog } from "../ui/dialog.tsx";
import { Navigation } from "./navigation.tsx";

export const NavigationDrawer = ({ onClose }: { onClose: () => void }) => (
  <Dialog open onClose={onClose} title="Menu" side="left">
    <Navigation />
  </Dialog>
);
