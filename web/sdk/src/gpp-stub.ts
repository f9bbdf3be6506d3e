// What a page with GPP carries in its head, before any vendor's tag.

import { standInForGpp } from "./stub.ts";

standInForGpp();
