// A source: whether events come, the key, the lines to paste, and its settings.

import { Tabs } from "@base-ui/react/tabs";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useLocation } from "wouter";
import { part, remove } from "../../api/client.ts";
import type { Source } from "../../api/model.ts";
import { source, sources, workspacePath } from "../../api/resources.ts";
import { paths } from "../../paths.ts";
import { declaredReason, useBlocked } from "../../session.tsx";
import { Button, ButtonLink, CopyButton } from "../../ui/button.tsx";
import { Code } from "../../ui/code.tsx";
import { SaveError } from "../../ui/conflict.tsx";
import { DeclaredNote } from "../../ui/declared.tsx";
import { Confirm } from "../../ui/dialog.tsx";
import { Icon } from "../../ui/icon.tsx";
import { Card, PageHead } from "../../ui/page.tsx";
import { Loaded, Message } from "../../ui/states.tsx";
import { say } from "../../ui/toast.tsx";
import { When } from "../../ui/when.tsx";
import { useWorkspace } from "../../workspace.tsx";
import { BannerCard } from "./banner-card.tsx";
import { RemoveBanner } from "./banner-steps.tsx";
import { SourceFields, settingsOf } from "./fields.tsx";
import { SourceState } from "./list.tsx";
import { usePart } from "./part.ts";
import { Proof } from "./proof.tsx";
import { snippets } from "./snippets.ts";

export function SourcePage({ name }: { name: string }) {
  const workspace = useWorkspace();
  const query = useQuery(source(workspace, decodeURIComponent(name)));
  return (
    <>
      <PageHead
        title={decodeURIComponent(name)}
        back={{ to: paths.sources(workspace), text: "Sources" }}
        actions={query.data && <SourceState source={query.data} />}
      />
      <Loaded query={query}>
        {(data) => (
          <>
            <DeclaredNote by={data.declared_by} />
            <FirstEvent source={data} />
            <Connect source={data} />
            <Proof key={data.proof_key} source={data} />
            <Settings source={data} />
            {data.kind === "browser" && <BannerCard source={data} />}
          </>
        )}
      </Loaded>
    </>
  );
}

function FirstEvent({ source }: { source: Source }) {
  const workspace = useWorkspace();
  if (source.first_event_at) {
    return (
      <div className="message message-good" role="status">
        <Icon name="good" />
        <div className="row spread grow">
          <span>
            <strong>Events arrive.</strong> The first came <When at={source.first_event_at} />, the latest{" "}
            <When at={source.last_event_at} />.
          </span>
          <ButtonLink to={paths.live(workspace)} small icon="live">
            Watch live
          </ButtonLink>
        </div>
      </div>
    );
  }
  return (
    <div className="message message-wait" role="status">
      <span className="pulse" aria-hidden="true" style={{ marginTop: "0.4rem" }} />
      <div className="row spread grow">
        <span>
          <strong>Waiting for the first event.</strong> Copy one of the snippets below, open Live, which shows only what
          comes while it is open, and run the snippet. This line turns too.
        </span>
        <ButtonLink to={paths.live(workspace)} small icon="live">
          Watch live
        </ButtonLink>
      </div>
    </div>
  );
}

function Connect({ source }: { source: Source }) {
  const key = source.write_key;
  const all = snippets(source.kind, {
    host: window.location.origin,
    key: key ?? "YOUR_WRITE_KEY",
    sdk: source.sdk ?? (source.compat === "segment" ? "segment" : "assent"),
  });
  return (
    <Card title="Connect">
      <div className="stack">
        {key === null ? (
          <Message tone="note">The write key is shown to admins and owners only.</Message>
        ) : (
          <div className="row row-3">
            <span className="muted">Write key</span>
            <code>{key}</code>
            <CopyButton text={key} name="Copy key" />
          </div>
        )}
        <Tabs.Root defaultValue={all[0]?.id ?? ""}>
          <Tabs.List className="tabs-list" aria-label="SDKs">
            {all.map(({ id, title }) => (
              <Tabs.Tab key={id} value={id} className="tab">
                {title}
              </Tabs.Tab>
            ))}
          </Tabs.List>
          {all.map(({ id, title, before, code }) => (
            <Tabs.Panel key={id} value={id} className="tab-panel stack stack-s">
              {before && (/^(npm|pip|go) /.test(before) ? <Code text={before} label="Install" /> : <p>{before}</p>)}
              <Code text={code} label={`Snippet for ${title}`} wrap />
            </Tabs.Panel>
          ))}
        </Tabs.Root>
      </div>
    </Card>
  );
}

function Settings({ source: saved }: { source: Source }) {
  const { start, part, set, begin, taken, save } = usePart(saved, settingsOf);
  const notAllowed = useBlocked("admin");
  const blocked = declaredReason(saved.declared_by) ?? notAllowed;
  const isInWay = part.kind !== "browser" && start.banner !== null;
  return (
    <Card title="Settings" aside={<DeleteSource source={saved} blocked={blocked} />}>
      <form
        className="form"
        onSubmit={(event) => {
          event.preventDefault();
          if (!blocked && !isInWay) save.mutate({ base: start, written: part });
        }}
      >
        <SourceFields draft={part} onChange={set} isNew={false} disabled={blocked !== null} />
        {isInWay && (
          <Message tone="wait" title="Only a browser source has a banner, and this one says something of its own.">
            <p>Remove the site&rsquo;s banner first; then the kind can be changed.</p>
            <div>
              <RemoveBanner source={start} blocked={blocked} onDone={taken} />
            </div>
          </Message>
        )}
        <SaveError<Source>
          error={save.error}
          mine={part}
          theirs={settingsOf}
          onTakeTheirs={begin}
          onKeepMine={(current) => save.mutate({ base: current, written: part })}
        />
        <div className="row">
          <Button
            type="submit"
            look="primary"
            busy={save.isPending}
            blocked={blocked ?? (isInWay ? "Its banner is in the way." : null)}
          >
            Save
          </Button>
        </div>
      </form>
    </Card>
  );
}

function DeleteSource({ source, blocked }: { source: Source; blocked: string | null }) {
  const [isAsking, setAsking] = useState(false);
  const workspace = useWorkspace();
  const client = useQueryClient();
  const [, go] = useLocation();
  const confirm = async () => {
    await remove(workspacePath(workspace, `/sources/${part(source.name)}`), { if_version: source.version });
    go(paths.sources(workspace));
    await client.invalidateQueries({ queryKey: sources(workspace).queryKey, exact: true });
    say("Deleted", `Source ${source.name}`);
  };
  return (
    <>
      <Button small look="danger" icon="trash" blocked={blocked} onClick={() => setAsking(true)}>
        Delete
      </Button>
      <Confirm
        open={isAsking}
        onClose={() => setAsking(false)}
        title={`Delete source ${source.name}?`}
        action="Delete source"
        onConfirm={confirm}
      >
        <p>Its key stops working at once, and SDKs that use it are told so. Events that are kept stay in the lake.</p>
      </Confirm>
    </>
  );
}
