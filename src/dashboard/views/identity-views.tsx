import type { JSX } from 'preact'
import { CredentialView } from './credential.tsx'
import { IdentitiesView } from './identities.tsx'
import { IdentityView } from './identity.tsx'
import { WaitingView } from './waiting.tsx'

interface IdentityViewsProps {
  id?: string
  credential?: boolean
  waiting?: boolean
}

/** Whom it is about: the list, one identity, one of its credentials, what sources said and a person decides. */
export function IdentityViews({ id, credential = false, waiting = false }: IdentityViewsProps): JSX.Element {
  if (waiting) return <WaitingView />
  if (id === undefined) return <IdentitiesView />
  return credential ? <CredentialView id={id} /> : <IdentityView id={id} />
}
