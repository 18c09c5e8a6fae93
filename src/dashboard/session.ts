import { computed, signal } from '@preact/signals'
import type { SessionAnswer as Session } from '../api/schemas/access.ts'
import type { Permission } from '../domain/access.ts'
import { comeBack } from './come-back.ts'
import { replacePlace } from './navigate.ts'

/** `unknown`: not asked yet. Undefined: nobody is signed in. */
export const session = signal<Session | undefined | 'unknown'>('unknown')

/** Said on the sign-in view: why somebody is there who was signed in. */
export const farewell = signal<string | undefined>(undefined)

const current = computed(() => (typeof session.value === 'object' ? session.value : undefined))

/** What stands for the session in the header of a write. */
export function csrf(): string {
  return current.value?.csrf ?? ''
}

/** What whoever is signed in may do; what he may not is not offered. */
export function may(permission: Permission): boolean {
  return current.value?.permissions.includes(permission) ?? false
}

/** Asks who is signed in. A daemon that does not answer is asked again: nobody is sent away for that. */
export async function askSession(): Promise<void> {
  const response = await fetch('/v1/session', { headers: { accept: 'application/json' } }).catch(() => undefined)
  // Too many requests from one address say nothing of who is signed in.
  if (response === undefined || response.status === 429 || response.status >= 500) {
    setTimeout(askSession, AGAIN_MS)
    return
  }
  const answer: Session | undefined = response.ok ? await response.json() : undefined
  const last = current.peek()
  if (answer === undefined && last !== undefined) return signedOut()
  // The same session again: whoever follows it need not begin anew.
  if (answer !== undefined && answer.csrf === last?.csrf && answer.role === last.role) return
  if (answer !== undefined && last === undefined) comeBack()
  session.value = answer
}

const AGAIN_MS = 2_000

/** The reader ended the session. */
export function signedOff(): void {
  farewell.value = 'You are signed out.'
  // Whoever comes next begins where everybody begins.
  replacePlace('overview')
  session.value = undefined
}

/** The API knows the session no more. */
export function signedOut(): void {
  if (current.value !== undefined) farewell.value = 'Your session has ended. Sign in again to go on.'
  session.value = undefined
}
