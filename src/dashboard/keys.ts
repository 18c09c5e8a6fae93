import { signal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import { keep, kept } from './keep.ts'

/** Single letters are commands only where the reader wants it (WCAG 2.1.4). */
export const lettersOn = signal(kept('letters') !== 'off')

export function setLetters(on: boolean): void {
  lettersOn.value = on
  keep('letters', on ? undefined : 'off')
}

/** Runs what a key stands for, unless the reader writes or holds a modifier. */
export function useKeys(commands: Readonly<Record<string, () => void>>): void {
  const latest = useRef(commands)
  latest.current = commands
  useEffect(() => {
    const hear = (event: KeyboardEvent) => {
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || isWriting(event)) return
      if (document.querySelector('dialog[open]') !== null || !lettersOn.peek()) return
      const command = latest.current[event.key]
      if (command === undefined) return
      event.preventDefault()
      command()
    }
    addEventListener('keydown', hear)
    return () => removeEventListener('keydown', hear)
  }, [])
}

/** Where letters are text; Enter on a link or a button is that link's or button's. */
function isWriting({ target, key }: KeyboardEvent): boolean {
  if (!(target instanceof HTMLElement)) return false
  if (target instanceof HTMLInputElement && target.type === 'checkbox') return key === ' '
  if (target.isContentEditable || ['INPUT', 'TEXTAREA', 'SELECT'].includes(target.tagName)) return true
  return (key === 'Enter' || key === ' ') && ['BUTTON', 'A', 'SUMMARY'].includes(target.tagName)
}
