// Starts the console: styles, theme, cache of the API's answers, and the application.

import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/controls.css";
import "./styles/parts.css";
import "./styles/layout.css";
import "./styles/consent.css";
import { CSPProvider } from "@base-ui/react/csp-provider";
import { Tooltip } from "@base-ui/react/tooltip";
import { MutationCache, QueryCache, QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { ApiError } from "./api/client.ts";
import { session } from "./api/resources.ts";
import { App } from "./app.tsx";
import { applyTheme } from "./theme.ts";
import { Toasts } from "./ui/toast.tsx";

const RETRIES_MAX = 2;

/** A session that ended anywhere is asked for again, which brings the login. */
function onError(error: unknown): void {
  const isLogin = error instanceof ApiError && error.code === "bad_credentials";
  if (error instanceof ApiError && error.status === 401 && !isLogin) {
    void client.invalidateQueries({ queryKey: session.queryKey });
  }
}

const client: QueryClient = new QueryClient({
  queryCache: new QueryCache({ onError }),
  mutationCache: new MutationCache({ onError }),
  defaultOptions: {
    queries: {
      // Only what may pass by itself is tried again.
      retry: (failures, error) =>
        failures < RETRIES_MAX && error instanceof ApiError && (error.status === 0 || error.status >= 500),
      retryDelay: (failures) => 400 * 2 ** failures,
      staleTime: 2_000,
      networkMode: "always",
    },
    mutations: { networkMode: "always" },
  },
});

applyTheme();
const root = document.getElementById("root");
if (!root) throw new Error("the page has no element `root`");
createRoot(root).render(
  <StrictMode>
    <CSPProvider disableStyleElements>
      <QueryClientProvider client={client}>
        <Tooltip.Provider>
          <App />
          <Toasts />
        </Tooltip.Provider>
      </QueryClientProvider>
    </CSPProvider>
  </StrictMode>,
);
