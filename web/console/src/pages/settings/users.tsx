// People who may sign in.

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { part, post, put, remove } from "../../api/client.ts";
import type { User } from "../../api/model.ts";
import { users } from "../../api/resources.ts";
import { sentence } from "../../format/words.ts";
import { useBlocked, useSession } from "../../session.tsx";
import { Badge } from "../../ui/badge.tsx";
import { Button, IconButton } from "../../ui/button.tsx";
import { Confirm, Dialog } from "../../ui/dialog.tsx";
import { TextField } from "../../ui/field.tsx";
import { Card } from "../../ui/page.tsx";
import { ScrollFrame } from "../../ui/scroll-frame.tsx";
import { ErrorMessage, Loaded } from "../../ui/states.tsx";
import { say } from "../../ui/toast.tsx";
import { When } from "../../ui/when.tsx";
import { PASSWORD_CHARS_MIN } from "./account.tsx";
import { type Rights, RoleFields } from "./role-fields.tsx";

type Editing = User | "new" | null;

export function UsersTab() {
  const query = useQuery(users);
  const blocked = useBlocked("owner");
  const [editing, setEditing] = useState<Editing>(null);
  const [leaving, setLeaving] = useState<User | null>(null);
  const client = useQueryClient();
  const confirm = async () => {
    await remove(`/users/${part(leaving?.name ?? "")}`);
    await client.invalidateQueries({ queryKey: users.queryKey });
    say("Deleted", `User ${leaving?.name ?? ""}`);
  };
  return (
    <Card
      flush
      title="Users"
      aside={
        <Button small icon="plus" blocked={blocked} onClick={() => setEditing("new")}>
          New user
        </Button>
      }
    >
      <Loaded query={query}>
        {({ items }) => <Table items={items} blocked={blocked} onEdit={setEditing} onDelete={setLeaving} />}
      </Loaded>
      <Dialog
        open={editing !== null}
        onClose={() => setEditing(null)}
        title={editing === "new" || editing === null ? "New user" : `Change ${editing.name}`}
      >
        {editing !== null && <UserForm of={editing === "new" ? null : editing} onDone={() => setEditing(null)} />}
      </Dialog>
      <Confirm
        open={leaving !== null}
        onClose={() => setLeaving(null)}
        title={`Delete the user ${leaving?.name ?? ""}?`}
        action="Delete user"
        onConfirm={confirm}
      >
        <p>Their sessions end at once. What they did stays in the audit log.</p>
      </Confirm>
    </Card>
  );
}

function Table(props: {
  items: User[];
  blocked: string | null;
  onEdit: (user: User) => void;
  onDelete: (user: User) => void;
}) {
  const { user: self } = useSession();
  return (
    <ScrollFrame label="Users">
      <table className="table">
        <thead>
          <tr>
            <th>Name</th>
            <th>Role</th>
            <th>Personal data</th>
            <th>Created</th>
            <th>Last seen</th>
            <th>
              <span className="visually-hidden">Actions</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {props.items.map((user) => (
            <tr key={user.name}>
              <td>
                <strong>{user.name}</strong> {user.name === self.name && <Badge tone="note">you</Badge>}
              </td>
              <td>{sentence(user.role)}</td>
              <td>{user.personal_data ? "May see it" : <span className="muted">Masked</span>}</td>
              <td>
                <When at={user.created_at} />
              </td>
              <td>
                <When at={user.last_seen_at} />
              </td>
              <td>
                <div className="actions">
                  <Button small blocked={props.blocked} onClick={() => props.onEdit(user)}>
                    Change
                  </Button>
                  <IconButton
                    small
                    name={`Delete ${user.name}`}
                    icon="trash"
                    look="quiet"
                    blocked={props.blocked ?? (user.name === self.name ? "You cannot delete yourself." : null)}
                    onClick={() => props.onDelete(user)}
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

function UserForm({ of, onDone }: { of: User | null; onDone: () => void }) {
  const [name, setName] = useState(of?.name ?? "");
  const [password, setPassword] = useState("");
  const [rights, setRights] = useState<Rights>(of ?? { role: "viewer", personal_data: false });
  const client = useQueryClient();
  const save = useMutation({
    mutationFn: () => {
      const { role, personal_data } = rights;
      if (of) return put(`/users/${part(of.name)}`, { role, personal_data, ...(password && { password }) });
      return post("/users", { name, role, personal_data, password });
    },
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: users.queryKey });
      say("Saved", `User ${name}`);
      onDone();
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    save.mutate();
  };
  return (
    <form className="stack" onSubmit={submit}>
      {!of && <TextField label="Name" value={name} onChange={setName} required maxLength={63} />}
      <TextField
        label={of ? "New password (optional)" : "Password"}
        type="password"
        value={password}
        onChange={setPassword}
        autoComplete="new-password"
        minLength={PASSWORD_CHARS_MIN}
        hint={`At least ${PASSWORD_CHARS_MIN} characters. They can change it.`}
        required={!of}
      />
      <RoleFields value={rights} onChange={setRights} />
      {save.error && <ErrorMessage error={save.error} />}
      <div className="actions">
        <Button onClick={onDone}>Cancel</Button>
        <Button type="submit" look="primary" busy={save.isPending}>
          Save
        </Button>
      </div>
    </form>
  );
}
