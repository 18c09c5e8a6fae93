import type { Overview } from '../api/schemas/overview.ts'
import { useRead } from './read.ts'

/** How many statements of sources wait for a decision; 0 until it is known. */
export function useHeld(): number {
  return useRead<Overview>('/v1/overview', { topics: ['operator'] }).value?.held ?? 0
}
