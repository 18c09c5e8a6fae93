import { RevenantError } from '../domain/error.ts'

/** One way in that somebody who left had, and how an administrator closes it. */
export interface Door {
  /** What commands call it: `maya-ssh-key`. */
  name: string
  system: string
  /** What it is, for a list. */
  description: string
  /** How it is closed in this lab: `removes the key from authorized_keys`. */
  closedBy: string
  isOpen(): boolean
  revoke(): Promise<void> | void
  restore(): Promise<void> | void
}

/** A door as a list shows it. */
export interface DoorState {
  name: string
  system: string
  description: string
  closedBy: string
  open: boolean
}

export function doorState({ name, system, description, closedBy, isOpen }: Door): DoorState {
  return { name, system, description, closedBy, open: isOpen() }
}

/** Finds a door by name. Throws `NOT_FOUND` with the names that there are. */
export function doorNamed(doors: readonly Door[], name: string): Door {
  const door = doors.find((each) => each.name === name)
  if (door !== undefined) return door
  throw new RevenantError('NOT_FOUND', `the demo has no door "${name}"; it has: ${doors.map((each) => each.name).join(', ')}`)
}
