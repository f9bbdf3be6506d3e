// Tokens: how programs sign in. The secret is shown once, when it is made.

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { part, post, remove } from "../../api/client.ts";
import type { Token } from "../../api/model.ts";
import { tokens } from "../../api/resources.ts";
import { sentence } from "../../format/words.ts";
import { useBlocked } from "../../session.tsx";
import { Button, IconButton } from "../../ui/button.tsx";
import { Code } from "../../ui/code.tsx";
import { Confirm, Dialog } from "../../ui/dialog.tsx";
import { type Option, SelectField, TextField } from "../../ui/field.tsx";
import { Card } from "../../ui/page.tsx";
import { ScrollFrame } from "../../ui/scroll-frame.tsx";
import { Empty, ErrorMessage, Loaded, Message } from "../../ui/states.tsx";
import { say } from "../../ui/toast.tsx";
import { When } from "../../ui/when.tsx";
import { type Rights, RoleFields } from "./role-fields.tsx";

export function TokensTab() {
  const query = useQuery(tokens);
  const blocked = useBlocked("admin");
  const [isMaking, setMaking] = useState(false);
  const [leaving, setLeaving] = useState<Token | null>(null);
  const client = useQueryClient();
  const confirm = async () => {
    await remove(`/tokens/${part(leaving?.id ?? "")}`);
    await client.invalidateQueries({ queryKey: tokens.queryKey });
    say("Revoked", `Token ${leaving?.name ?? ""}`);
  };
  return (
    <Card
      flush
      title="Tokens"
      aside={
        <Button small icon="plus" blocked={blocked} onClick={() => setMaking(true)}>
          New token
        </Button>
      }
    >
      <Loaded query={query}>{({ items }) => <Table items={items} blocked={blocked} onDelete={setLeaving} />}</Loaded>
      <Dialog open={isMaking} onClose={() => setMaking(false)} title="New token">
        {isMaking && <TokenForm onDone={() => setMaking(false)} />}
      </Dialog>
      <Confirm
        open={leaving !== null}
        onClose={() => setLeaving(null)}
        title={`Revoke the token ${leaving?.name ?? ""}?`}
        action="Revoke token"
        onConfirm={confirm}
      >
        <p>Programs that use it are refused from now on.</p>
      </Confirm>
    </Card>
  );
}

function Table(props: { items: Token[]; blocked: string | null; onDelete: (token: Token) => void }) {
  if (props.items.length === 0) {
    return (
      <Empty icon="lock" title="No tokens">
        <p>Programs and scripts sign in with a token instead of a password.</p>
      </Empty>
    );
  }
  return (
    <ScrollFrame label="Tokens">
      <table className="table">
        <thead>
          <tr>
            <th>Name</th>
            <th>Role</th>
            <th>Personal data</th>
            <th>Created</th>
            <th>Last used</th>
            <th>Expires</th>
            <th>
              <span className="visually-hidden">Actions</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {props.items.map((token) => (
            <tr key={token.id}>
              <td>
                <strong>{token.name}</strong>
              </td>
              <td>{sentence(token.role)}</td>
              <td>{token.personal_data ? "May see it" : <span className="muted">Masked</span>}</td>
              <td>
                <When at={token.created_at} />
              </td>
              <td>
                <When at={token.last_used_at} />
              </td>
              <td>
                <When at={token.expires_at} />
              </td>
              <td>
                <div className="actions">
                  <IconButton
                    small
                    name={`Revoke ${token.name}`}
                    icon="trash"
                    look="quiet"
                    blocked={props.blocked}
                    onClick={() => props.onDelete(token)}
                  />
                </div>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </ScrollFrame>
  );
}

const DAYS: readonly Option<string>[] = [
  ["30", "30 days"],
  ["90", "90 days"],
  ["365", "1 year"],
  ["", "Never"],
];
const DAY_MS = 86_400_000;

function TokenForm({ onDone }: { onDone: () => void }) {
  const [name, setName] = useState("");
  const [rights, setRights] = useState<Rights>({ role: "viewer", personal_data: false });
  const [days, setDays] = useState("90");
  const client = useQueryClient();
  const make = useMutation({
    mutationFn: () => {
      const expires_at = days === "" ? null : new Date(Date.now() + Number(days) * DAY_MS).toISOString();
      return post<{ token: string }>("/tokens", { name, ...rights, expires_at });
    },
    onSuccess: () => client.invalidateQueries({ queryKey: tokens.queryKey }),
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    make.mutate();
  };
  if (make.data) {
    return (
      <>
        <Message tone="good" title="Copy it now: it is not shown again." />
        <Code text={make.data.token} label="Token" wrap />
        <div className="actions">
          <Button look="primary" onClick={onDone}>
            Done
          </Button>
        </div>
      </>
    );
  }
  return (
    <form className="stack" onSubmit={submit}>
      <TextField label="Name" value={name} onChange={setName} hint="What uses it." required maxLength={63} />
      <RoleFields value={rights} onChange={setRights} />
      <SelectField label="Expires in" value={days} options={DAYS} onChange={setDays} />
      {make.error && <ErrorMessage error={make.error} />}
      <div className="actions">
        <Button onClick={onDone}>Cancel</Button>
        <Button type="submit" look="primary" busy={make.isPending}>
          Create token
        </Button>
      </div>
    </form>
  );
}
