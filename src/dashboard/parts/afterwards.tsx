import type { ComponentChildren, JSX } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { Ghosts } from './states.tsx'

/** Draws what takes its time once what stands above it is on the screen. */
export function Afterwards({ rows, children }: { rows: number; children: ComponentChildren }): JSX.Element {
  const [isTime, setTime] = useState(false)
  useEffect(() => {
    // The first frame after this one shows what was drawn; the second follows it.
    let frame = requestAnimationFrame(() => {
      frame = requestAnimationFrame(() => setTime(true))
    })
    return () => cancelAnimationFrame(frame)
  }, [])
  return <>{isTime ? children : <Ghosts rows={rows} />}</>
}
