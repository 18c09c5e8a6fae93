import { VERSION } from './version.ts'

/** Who replays say they are where no configuration says more. */
export const DEFAULT_ATTRIBUTION = `revenant/${VERSION}`
