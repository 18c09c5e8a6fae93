import { effect, signal } from '@preact/signals'
import { keep, kept } from './keep.ts'

export const THEMES = ['system', 'light', 'dark'] as const
export type Theme = (typeof THEMES)[number]

/** What the reader wants; `system`: as the machine has it. */
export const theme = signal<Theme>(THEMES.find((each) => each === kept('theme')) ?? 'system')

export function openTheme(): void {
  effect(() => {
    keep('theme', theme.value === 'system' ? undefined : theme.value)
    if (theme.value === 'system') delete document.documentElement.dataset.theme
    else document.documentElement.dataset.theme = theme.value
  })
}
