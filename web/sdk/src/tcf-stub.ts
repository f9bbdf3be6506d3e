// What a page with TCF carries in its head, before any vendor's tag.

import { standInForTcf } from "./stub.ts";

standInForTcf();
