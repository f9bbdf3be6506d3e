// How a page proves who is signed in, where the workspace's banner says what was refused on other devices.

import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import type { Source } from "../../api/model.ts";
import { consent } from "../../api/resources.ts";
import { Button, CopyButton } from "../../ui/button.tsx";
import { Code } from "../../ui/code.tsx";
import { Card } from "../../ui/page.tsx";
import { useWorkspace } from "../../workspace.tsx";

const ELEMENT = '<meta name="assent-user" content="ID" data-proof="HEX">';

/** Nothing for whoever may not see the key, and where no page is told anything. */
export function Proof({ source }: { source: Source }) {
  const { data } = useQuery(consent(useWorkspace()));
  const [isShown, setShown] = useState(false);
  const key = source.proof_key;
  if (!key || source.kind === "server" || !data?.banner.other_devices) return null;
  return (
    <Card title="Proof of who is signed in">
      <div className="stack">
        <p>
          Your own server computes HEX, the HMAC-SHA-256 of the user ID with the text of this key, in hexadecimal, and
          puts the element below into the pages of whoever is signed in; <code>docs/guides/banner.md</code>, under{" "}
          <i>Somebody&rsquo;s other devices</i>, has the rest.
        </p>
        <Code text={ELEMENT} label="Element of the page" wrap />
        <div className="row row-3">
          <span className="muted">Proof key</span>
          {isShown ? <code>{key}</code> : <span>hidden, because it is a secret</span>}
          <Button small onClick={() => setShown(!isShown)}>
            {isShown ? "Hide proof key" : "Show proof key"}
          </Button>
          <CopyButton text={key} name="Copy proof key" />
        </div>
      </div>
    </Card>
  );
}
