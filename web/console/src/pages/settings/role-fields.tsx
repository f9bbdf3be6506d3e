// The role and the separate right to personal data, for users and tokens.

import type { Role } from "../../api/model.ts";
import { Check, type Option, SelectField } from "../../ui/field.tsx";

const ROLE_OPTIONS: readonly Option<Role>[] = [
  ["viewer", "Viewer: sees configuration, health and masked events"],
  ["analyst", "Analyst: also asks the lake"],
  ["admin", "Admin: also changes the workspace"],
  ["owner", "Owner: also manages users"],
];

export interface Rights {
  role: Role;
  personal_data: boolean;
}

export function RoleFields({ value, onChange }: { value: Rights; onChange: (value: Rights) => void }) {
  return (
    <>
      <SelectField
        label="Role"
        value={value.role}
        options={ROLE_OPTIONS}
        onChange={(role) => onChange({ ...value, role })}
      />
      <Check
        label="May see personal data"
        hint="a right of its own; no role includes it"
        checked={value.personal_data}
        onChange={(on) => onChange({ ...value, personal_data: on })}
      />
    </>
  );
}
