import type { JSX } from 'preact'
import type { Mark } from '../mark.ts'
import { Badge } from './badge.tsx'

/** A mark as a badge, its meaning on hover; whoever has no pointer reads it below where `told`. */
export function MarkLine({ mark: { label, look, icon, means }, told = false }: { mark: Mark; told?: boolean }): JSX.Element {
  return (
    <>
      <Badge look={look} icon={icon} label={label} {...(told ? {} : { title: means })} />
      {told ? <span class="told">{means}</span> : undefined}
    </>
  )
}
