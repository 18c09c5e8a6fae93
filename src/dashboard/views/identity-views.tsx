import type { JSX } from 'preact'
import { CredentialView } from './credential.tsx'
import { IdentitiesView } from './identities.tsx'
import { IdentityView } from './identity.tsx'

/** Whom it is about: the list, one identity, one of its credentials. */
export function IdentityViews({ id, credential = false }: { id?: string; credential?: boolean }): JSX.Element {
  if (id === undefined) return <IdentitiesView />
  return credential ? <CredentialView id={id} /> : <IdentityView id={id} />
}
