import type { ComponentChildren, JSX } from 'preact'
import { useLayoutEffect, useRef, useState } from 'preact/hooks'

/** What may be wider than its place scrolls there, and then it can be reached and moved with the keyboard. */
export function Scroll({ label, children }: { label: string; children: ComponentChildren }): JSX.Element {
  const ref = useRef<HTMLDivElement>(null)
  const [over, setOver] = useState(false)
  useLayoutEffect(() => {
    const { current } = ref
    if (current === null) return
    const look = () => setOver(current.scrollWidth > current.clientWidth)
    look()
    const observer = new ResizeObserver(look)
    observer.observe(current)
    // What it holds grows without its place growing.
    if (current.firstElementChild !== null) observer.observe(current.firstElementChild)
    return () => observer.disconnect()
  }, [])
  const reach = over ? { role: 'region' as const, tabIndex: 0, 'aria-label': label } : {}
  return (
    <div ref={ref} class="scroll" {...reach}>
      {children}
    </div>
  )
}
