// The lake's page is loaded when it is first opened.

import { lazy, Suspense } from "react";
import { Skeleton } from "../../ui/states.tsx";

const Page = lazy(() => import("./page.tsx").then(({ Lake }) => ({ default: Lake })));

export const LakePage = () => (
  <Suspense fallback={<Skeleton lines={6} />}>
    <Page />
  </Suspense>
);
