import type { Look } from './words.ts'

/** How something stands: the word and the icon say it, the colour repeats it, a sentence tells what it means. */
export interface Mark {
  label: string
  look: Look
  icon: 'check' | 'clock' | 'dash' | 'door' | 'findings' | 'mute' | 'pass' | 'question' | 'reload' | 'shut'
  means: string
}
